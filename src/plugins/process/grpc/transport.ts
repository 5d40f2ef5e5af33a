/** The stubs' way to a channel. */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import type { HeaderFields } from "../http2/index.ts";
import type { Channel } from "./channel.ts";
import { MessageStream } from "./message-stream.ts";
import { callHeaders, PREFIX_BYTES, writePrefix } from "./wire.ts";

/**
 * Makes the channel usable by Connect's clients. Headers of a call are not sent: none of our services looks at
 * any. `maxMessageBytes` is the longest message that is accepted.
 */
export function createTransport(channel: Channel, maxMessageBytes: number): Transport {
  return {
    async unary(method, signal, timeoutMs = 0, _header, input) {
      const { message, headers, trailers } = await channel.unary(
        {
          headers: callHeaders(pathOf(method), timeoutMs),
          frame: frameOf(method.input, create(method.input, input)),
          timeoutMs,
          maxMessageBytes,
        },
        signal,
      );
      return {
        stream: false,
        service: method.parent,
        method,
        header: toHeaders(headers),
        message: fromBinary(method.output, message),
        trailer: toHeaders(trailers),
      };
    },

    /** Streams from the server only: what it is asked for is sent at once. */
    async stream(method, signal, timeoutMs = 0, _header, input) {
      if (method.methodKind !== "server_streaming") {
        throw new ConnectError("only the server may stream", Code.Unimplemented);
      }
      const trailer = new Headers();
      const received = new MessageStream(maxMessageBytes, (fields) => {
        for (const [name, value] of toHeaders(fields)) trailer.set(name, value);
      });
      const frame = await onlyFrameOf(method.input, input);
      const stream = await channel.stream(
        { headers: callHeaders(pathOf(method), timeoutMs), frame },
        received,
      );
      if (signal?.aborted === true) stream.cancel();
      else signal?.addEventListener("abort", stream.cancel, { once: true });
      return {
        stream: true,
        service: method.parent,
        method,
        header: new Headers(),
        message: messagesOf(received, method.output, () => {
          signal?.removeEventListener("abort", stream.cancel);
          stream.cancel();
        }),
        trailer,
      };
    },
  };
}

function pathOf(method: { readonly parent: { readonly typeName: string }; readonly name: string }) {
  return `/${method.parent.typeName}/${method.name}`;
}

function frameOf<S extends DescMessage>(schema: S, message: MessageShape<S>): Buffer {
  const bytes = toBinary(schema, message);
  const frame = Buffer.allocUnsafe(PREFIX_BYTES + bytes.length);
  frame.set(bytes, PREFIX_BYTES);
  writePrefix(frame);
  return frame;
}

/** The message that a stream from the server is asked for with. */
async function onlyFrameOf<S extends DescMessage>(
  schema: S,
  messages: AsyncIterable<MessageInitShape<S>>,
): Promise<Buffer> {
  for await (const message of messages) return frameOf(schema, create(schema, message));
  throw new ConnectError("there is nothing to send", Code.Internal);
}

async function* messagesOf<S extends DescMessage>(
  received: MessageStream,
  schema: S,
  onEnd: () => void,
): AsyncIterable<MessageShape<S>> {
  try {
    for await (const message of received.read()) yield fromBinary(schema, message);
  } finally {
    onEnd();
  }
}

function toHeaders(received: HeaderFields): Headers {
  const headers = new Headers();
  for (const [name, value] of received) {
    if (!name.startsWith(":")) headers.set(name, value);
  }
  return headers;
}
