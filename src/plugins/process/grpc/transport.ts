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
import { type ClientHttp2Stream, constants, type IncomingHttpHeaders } from "node:http2";
import type { Channel } from "./channel.ts";
import { MessageReader } from "./message-reader.ts";
import {
  brokenOff,
  failureOf,
  httpFailureOf,
  PREFIX_BYTES,
  unaryHeaders,
  writePrefix,
} from "./wire.ts";

/**
 * Makes the channel usable by Connect's clients. Headers of a call are not sent: none of our services looks at
 * any. `maxMessageBytes` is the longest message that is accepted.
 */
export function createTransport(channel: Channel, maxMessageBytes: number): Transport {
  return {
    async unary(method, signal, timeoutMs = 0, _header, input) {
      const { message, headers, trailers } = await channel.unary(
        {
          headers: unaryHeaders(pathOf(method), timeoutMs),
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

    async stream(method, signal, timeoutMs = 0, _header, input) {
      const stream = await channel.stream(unaryHeaders(pathOf(method), timeoutMs));
      const giveUp = (): void => stream.close(constants.NGHTTP2_CANCEL);
      if (signal?.aborted === true) giveUp();
      signal?.addEventListener("abort", giveUp, { once: true });
      stream.once("close", () => signal?.removeEventListener("abort", giveUp));
      const trailer = new Headers();
      // What is said at the end of a stream that failed early is not to be missed.
      const received = messagesOf(stream, method.output, maxMessageBytes, trailer);
      const sent = sendAll(stream, method.input, input);
      sent.catch((error: unknown) => stream.destroy(ConnectError.from(error)));
      return {
        stream: true,
        service: method.parent,
        method,
        header: new Headers(),
        message: received,
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

/** Sends messages as fast as the peer takes them, then says that there are no more. */
async function sendAll<S extends DescMessage>(
  stream: ClientHttp2Stream,
  schema: S,
  messages: AsyncIterable<MessageInitShape<S>>,
): Promise<void> {
  for await (const message of messages) {
    if (stream.closed) return;
    if (stream.write(frameOf(schema, create(schema, message)))) continue;
    await new Promise<void>((resolve) => {
      stream.once("drain", resolve);
      stream.once("close", resolve);
    });
  }
  stream.end();
}

/** The messages of a stream, which ends by throwing what its trailers say if that is a failure. */
function messagesOf<S extends DescMessage>(
  stream: ClientHttp2Stream,
  schema: S,
  maxMessageBytes: number,
  trailer: Headers,
): AsyncIterable<MessageShape<S>> {
  // Heard of even while nobody reads.
  let headers: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders | undefined;
  let error: unknown;
  stream.on("response", (received) => {
    headers = received;
  });
  stream.on("trailers", (received) => {
    trailers = received;
    for (const [name, value] of toHeaders(received)) trailer.set(name, value);
  });
  stream.on("error", (thrown) => {
    error = thrown;
  });
  return readAll();

  async function* readAll(): AsyncIterable<MessageShape<S>> {
    const reader = new MessageReader(maxMessageBytes);
    try {
      for await (const chunk of stream) {
        const messages: Buffer[] = [];
        reader.read(chunk as Buffer, (message) => messages.push(message)); // No encoding is set.
        for (const message of messages) yield fromBinary(schema, message);
      }
    } catch (thrown) {
      // What the stream itself threw is told below, by its reset.
      if (thrown !== error) throw thrown;
    } finally {
      if (!stream.closed) stream.close(constants.NGHTTP2_CANCEL);
    }
    if (trailers === undefined && !("grpc-status" in headers)) {
      throw brokenOff(error);
    }
    const failure = failureOf(trailers ?? headers) ?? httpFailureOf(headers);
    if (failure !== undefined) throw failure;
    if (reader.isWithin) throw new ConnectError("the last message is cut off", Code.Internal);
  }
}

function toHeaders(received: IncomingHttpHeaders): Headers {
  const headers = new Headers();
  for (const [name, value] of Object.entries(received)) {
    if (name.startsWith(":") || value === undefined) continue;
    for (const single of [value].flat()) headers.append(name, single);
  }
  return headers;
}
