/**
 * Puts messages together in one buffer that grows, and is used again. Texts and bytes go straight
 * into their place; nothing is copied a second time.
 */
import { GatewayError } from "../errors.ts";
import { HEADER_BYTES } from "./message-types.ts";

/** Room of the first buffer, if no more is asked for at once. */
const INITIAL_BYTES = 256;

/** A buffer that has grown beyond this is given up when it is no longer needed. */
const MAX_KEPT_BYTES = 64 * 1024;

/** A length is a signed number of four bytes; the tag is not counted. */
const MAX_LENGTH = 0x7fff_ffff;

const MAX_COUNT = 0xffff;

/**
 * Messages are begun and ended by the classes below this one. What is written is whole messages only:
 * one whose writing has thrown leaves nothing behind.
 */
export abstract class MessageWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  /** Whole messages that have not been taken: from here to there. */
  #start = 0;
  #end = 0;
  /** Place of the next byte of the message that is being written, and of its length. */
  #at = 0;
  #lengthAt = 0;

  /** The messages so far, to be read before the next one is written: the place is used again. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  /** Forgets the messages so far; the next ones are written over them. */
  clear(): void {
    if (this.#buffer.length > MAX_KEPT_BYTES) {
      this.#buffer = Buffer.allocUnsafe(INITIAL_BYTES);
      this.#start = 0;
    }
    this.#end = this.#start;
  }

  /** The messages so far, to be kept: the next ones are written behind them. */
  take(): Uint8Array {
    const taken = this.bytes;
    this.#start = this.#end;
    return taken;
  }

  protected begin(tag: number): this {
    this.#at = this.#end;
    this.#fit(HEADER_BYTES);
    this.#buffer[this.#at++] = tag;
    this.#lengthAt = this.#at;
    this.#at += 4;
    return this;
  }

  /** Begins a packet as connections begin with: without a tag. */
  protected beginPacket(): this {
    this.#at = this.#end;
    this.#fit(4);
    this.#lengthAt = this.#at;
    this.#at += 4;
    return this;
  }

  protected end(): this {
    const length = this.#at - this.#lengthAt;
    this.#buffer.writeInt32BE(length, this.#lengthAt);
    this.#end = this.#at;
    return this;
  }

  protected uint8(value: number): this {
    this.#fit(1);
    this.#buffer[this.#at++] = value;
    return this;
  }

  /** Sixteen bits, with or without a sign. */
  protected int16(value: number): this {
    this.#fit(2);
    this.#buffer[this.#at++] = value >>> 8;
    this.#buffer[this.#at++] = value;
    return this;
  }

  /** 32 bits, with or without a sign. */
  protected int32(value: number): this {
    this.#fit(4);
    this.#buffer.writeInt32BE(value | 0, this.#at);
    this.#at += 4;
    return this;
  }

  /** A number of things as 16 bits. @throws GatewayError ERR_MESSAGE_TOO_LARGE when they are more */
  protected count(things: { readonly length: number }): this {
    if (things.length <= MAX_COUNT) return this.int16(things.length);
    throw new GatewayError(
      "ERR_MESSAGE_TOO_LARGE",
      `${things.length} items, more than ${MAX_COUNT}`,
    );
  }

  /**
   * Text and the zero byte that ends it.
   * @throws GatewayError ERR_PROTOCOL_VIOLATION when the text has one inside: what follows it would be
   *   read as other fields
   */
  protected string(text: string): this {
    if (text.includes("\0")) {
      throw new GatewayError("ERR_PROTOCOL_VIOLATION", "a text with a zero byte cannot be sent");
    }
    return this.#text(text, Buffer.byteLength(text)).uint8(0);
  }

  protected raw(bytes: Uint8Array): this {
    this.#fit(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }

  /** A value behind its length. */
  protected value(value: Uint8Array | string | null): this {
    if (value === null) return this.int32(-1);
    if (typeof value !== "string") return this.int32(value.length).raw(value);
    const byteLength = Buffer.byteLength(value);
    return this.int32(byteLength).#text(value, byteLength);
  }

  #text(text: string, byteLength: number): this {
    this.#fit(byteLength);
    this.#at += this.#buffer.write(text, this.#at);
    return this;
  }

  /** Makes room for so many bytes more; what has been taken stays in the buffer it is in. */
  #fit(byteCount: number): void {
    if (this.#at + byteCount <= this.#buffer.length) return;
    const neededBytes = this.#at + byteCount - this.#start;
    if (neededBytes > MAX_LENGTH) {
      throw new GatewayError("ERR_MESSAGE_TOO_LARGE", `messages of ${neededBytes} bytes`);
    }
    // Half as much again, so that many small fields do not move a large message many times.
    const grown = Buffer.allocUnsafe(INITIAL_BYTES + neededBytes + (neededBytes >>> 1));
    grown.set(this.#buffer.subarray(this.#start, this.#at));
    this.#buffer = grown;
    this.#at -= this.#start;
    this.#end -= this.#start;
    this.#lengthAt -= this.#start;
    this.#start = 0;
  }
}
