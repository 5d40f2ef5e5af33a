/** The messages that a server sends on one stream. */
import { Code, ConnectError } from "@connectrpc/connect";
import type { HeaderFields, StreamReceiver } from "../http2/index.ts";
import { MessageReader } from "./message-reader.ts";
import { brokenOff, endedEarly, failureOf, httpFailureOf, isInformational } from "./wire.ts";

/**
 * Holds what has come until it is read: no more than the stream's window, for only what was read is made room for.
 * The messages end by throwing what the trailers say if that is a failure.
 */
export class MessageStream implements StreamReceiver {
  readonly #reader: MessageReader;
  readonly #onTrailers: (fields: HeaderFields) => void;
  #messages: Buffer[] = [];
  /** Somebody reads messages that are not in the list any more. */
  #isReading = false;
  /** What came, and no room was made for yet. */
  #heldBytes = 0;
  #headers: HeaderFields | undefined;
  /** How it ended; undefined while it goes on. */
  #end: { readonly failure: ConnectError | undefined } | undefined;
  #wake: () => void = () => {};
  /** Set by whoever opens the stream: makes room for so many bytes more. */
  onConsumed: (byteLength: number) => void = () => {};
  /** Set by whoever opens the stream: nothing is wanted of it any more. */
  onEnded: () => void = () => {};

  constructor(maxMessageBytes: number, onTrailers: (fields: HeaderFields) => void) {
    this.#reader = new MessageReader(maxMessageBytes);
    this.#onTrailers = onTrailers;
  }

  onHeaders(fields: HeaderFields, isLast: boolean): void {
    if (this.#headers === undefined && isInformational(fields)) return;
    this.#headers ??= fields;
    if (!isLast) return;
    this.#onTrailers(fields);
    const isCut = this.#reader.isWithin;
    this.#finish(
      httpFailureOf(this.#headers) ??
        failureOf(fields) ??
        (isCut ? new ConnectError("the last message is cut off", Code.Internal) : undefined),
    );
  }

  onData(bytes: Buffer, isLast: boolean): void {
    this.#heldBytes += bytes.length;
    try {
      this.#reader.read(bytes, (message) => this.#messages.push(message));
    } catch (thrown) {
      this.#finish(ConnectError.from(thrown));
      return;
    }
    // The parts of a message are kept by the reader, which has a limit of its own.
    this.#makeRoom();
    if (isLast) this.#finish(endedEarly());
    else this.#wake();
  }

  onBroken(reason: Error): void {
    this.#finish(brokenOff(reason));
  }

  /** To be read once. */
  async *read(): AsyncIterable<Buffer> {
    for (;;) {
      const messages = this.#messages;
      this.#messages = [];
      this.#isReading = true;
      yield* messages;
      this.#isReading = false;
      this.#makeRoom();
      if (messages.length > 0) continue;
      if (this.#end !== undefined) break;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#end.failure !== undefined) throw this.#end.failure;
  }

  #makeRoom(): void {
    if (this.#isReading || this.#messages.length > 0) return;
    this.onConsumed(this.#heldBytes);
    this.#heldBytes = 0;
  }

  #finish(failure: ConnectError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { failure };
    this.onEnded();
    this.#wake();
  }
}
