/**
 * Keeps its place in a stream of messages by their five-byte headers, in place: nothing is copied,
 * no object is made per message, and bodies are stepped over (PostgreSQL manual, 54.2 Message Flow).
 */
import { GatewayError } from "../errors.ts";
import { HEADER_BYTES } from "./message-types.ts";

/** The smallest length a header may name: it counts its own four bytes. */
const MIN_LENGTH = 4;

export abstract class FrameCursor {
  readonly #maxMessageBytes: number;
  /** Tag of the message the position is in. */
  #tag = 0;
  /** Bytes of that message's body still to come. */
  #bodyLeft = 0;
  /** Bytes seen of a header that is split over chunks: 0 to 4. */
  #headerSeen = 0;
  #headerLength = 0;
  #wantsBody = false;

  /** @param maxMessageBytes longest message accepted, header included */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** Between two messages, where something else may be put into the stream. */
  get isAtBoundary(): boolean {
    return this.#bodyLeft === 0 && this.#headerSeen === 0;
  }

  /**
   * A message begins, all of which may have come already. Answer true to be given its body, and told
   * of its end.
   */
  protected abstract messageBegan(tag: number, bodyLength: number, isWhole: boolean): boolean;
  /** A part of the body that was asked for. */
  protected abstract messageBody(chunk: Uint8Array, from: number, to: number): void;
  /** The message whose body was asked for is complete. */
  protected abstract messageEnded(tag: number): void;

  /**
   * Moves over a chunk of the stream.
   * @throws GatewayError ERR_PROTOCOL_VIOLATION or ERR_MESSAGE_TOO_LARGE at a header that cannot be.
   */
  advance(chunk: Uint8Array): void {
    const end = chunk.length;
    let at = this.isAtBoundary ? 0 : this.#resume(chunk);
    while (at + HEADER_BYTES <= end) {
      const tag = chunk[at] ?? 0;
      const length = lengthAt(chunk, at + 1);
      const bodyAt = at + HEADER_BYTES;
      this.#checkLength(tag, length);
      at += 1 + length;
      const wantsBody = this.messageBegan(tag, length - MIN_LENGTH, at <= end);
      if (at > end) {
        this.#tag = tag;
        this.#bodyLeft = at - end;
        this.#wantsBody = wantsBody;
        if (wantsBody) this.messageBody(chunk, bodyAt, end);
        return;
      }
      if (wantsBody) {
        this.messageBody(chunk, bodyAt, at);
        this.messageEnded(tag);
      }
    }
    for (; at < end; at++) this.#headerByte(chunk[at] ?? 0);
  }

  /**
   * How far into `chunk` to move from `from` on in order to stop at the next boundary: to the end of a
   * message, of a header whose length is not known before, or of the chunk.
   */
  stepIn(chunk: Uint8Array, from: number): number {
    const left = chunk.length - from;
    if (this.#headerSeen > 0) return from + Math.min(left, HEADER_BYTES - this.#headerSeen);
    if (this.#bodyLeft > 0) return from + Math.min(left, this.#bodyLeft);
    if (left < HEADER_BYTES) return chunk.length;
    return from + Math.min(left, 1 + (lengthAt(chunk, from + 1) >>> 0));
  }

  /** Forgets the message that the position is in: what comes next is the beginning of one. */
  protected startOver(): void {
    this.#bodyLeft = 0;
    this.#headerSeen = 0;
  }

  /** Finishes a message that began in an earlier chunk; answers where the next one begins. */
  #resume(chunk: Uint8Array): number {
    const end = chunk.length;
    let at = 0;
    while (this.#headerSeen > 0 && at < end) this.#headerByte(chunk[at++] ?? 0);
    if (this.#bodyLeft === 0) return at;
    const bodyEnd = Math.min(end, at + this.#bodyLeft);
    this.#bodyLeft -= bodyEnd - at;
    if (this.#wantsBody) {
      this.messageBody(chunk, at, bodyEnd);
      if (this.#bodyLeft === 0) this.messageEnded(this.#tag);
    }
    return bodyEnd;
  }

  /** Takes the next byte of a split header. */
  #headerByte(byte: number): void {
    if (this.#headerSeen === 0) {
      this.#tag = byte;
      this.#headerLength = 0;
    } else {
      this.#headerLength = (this.#headerLength << 8) | byte;
    }
    this.#headerSeen++;
    if (this.#headerSeen < HEADER_BYTES) return;
    this.#headerSeen = 0;
    this.#checkLength(this.#tag, this.#headerLength);
    this.#bodyLeft = this.#headerLength - MIN_LENGTH;
    const isWhole = this.#bodyLeft === 0;
    this.#wantsBody = this.messageBegan(this.#tag, this.#bodyLeft, isWhole);
    if (this.#wantsBody && isWhole) this.messageEnded(this.#tag);
  }

  #checkLength(tag: number, length: number): void {
    if (length >= MIN_LENGTH && length < this.#maxMessageBytes) return;
    const name = `message ${JSON.stringify(String.fromCharCode(tag))}`;
    // A length with the top bit set reads as negative: it is a huge one, not a small one.
    const announced = length >>> 0;
    if (announced < MIN_LENGTH) {
      throw new GatewayError("ERR_PROTOCOL_VIOLATION", `${name} announces ${announced} bytes`);
    }
    throw new GatewayError(
      "ERR_MESSAGE_TOO_LARGE",
      `${name} announces ${announced} bytes, more than ${this.#maxMessageBytes}`,
    );
  }
}

/** The four bytes of a length, most significant first. */
export function lengthAt(chunk: Uint8Array, at: number): number {
  return (
    ((chunk[at] ?? 0) << 24) |
    ((chunk[at + 1] ?? 0) << 16) |
    ((chunk[at + 2] ?? 0) << 8) |
    (chunk[at + 3] ?? 0)
  );
}
