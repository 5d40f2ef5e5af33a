/** Reads the fields of one whole message in order, and never beyond its end. */
import { GatewayError } from "../errors.ts";
import { lengthAt } from "./frame-cursor.ts";
import { HEADER_BYTES } from "./message-types.ts";

/** Bytes that are no UTF-8 become U+FFFD: the client may use another encoding. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Every method takes the name of the field for the error it may throw: ERR_PROTOCOL_VIOLATION, when
 * the field is not all there. Bytes are answered as parts of the message, not copied.
 */
export class MessageReader {
  readonly #bytes: Uint8Array;
  readonly #name: string;
  #at = HEADER_BYTES;

  /**
   * @param bytes one whole message from its tag on
   * @param name of the message in the manual, for errors
   * @throws GatewayError ERR_PROTOCOL_VIOLATION when it is not one message with this tag
   */
  constructor(bytes: Uint8Array, tag: number, name: string) {
    this.#bytes = bytes;
    this.#name = name;
    if (bytes[0] !== tag) throw this.violation("tag");
    if (bytes.length < HEADER_BYTES || lengthAt(bytes, 1) !== bytes.length - 1) {
      throw this.violation("length");
    }
  }

  get bytesLeft(): number {
    return this.#bytes.length - this.#at;
  }

  uint8(field: string): number {
    return this.#bytes[this.#step(1, field)] ?? 0;
  }

  int16(field: string): number {
    return (this.uint16(field) << 16) >> 16;
  }

  /** PostgreSQL reads the numbers of fields, values and formats without a sign: up to 65,535. */
  uint16(field: string): number {
    const at = this.#step(2, field);
    return ((this.#bytes[at] ?? 0) << 8) | (this.#bytes[at + 1] ?? 0);
  }

  int32(field: string): number {
    return lengthAt(this.#bytes, this.#step(4, field));
  }

  /** Object ids have no sign. */
  uint32(field: string): number {
    return this.int32(field) >>> 0;
  }

  /** Text up to its zero byte. */
  string(field: string): string {
    const end = this.#bytes.indexOf(0, this.#at);
    if (end < 0) throw this.violation(field);
    const text = decoder.decode(this.#bytes.subarray(this.#at, end));
    this.#at = end + 1;
    return text;
  }

  bytes(count: number, field: string): Uint8Array {
    const at = this.#step(count, field);
    return this.#bytes.subarray(at, at + count);
  }

  /** Everything that is left. */
  rest(): Uint8Array {
    return this.#bytes.subarray(this.#step(this.bytesLeft, "rest"));
  }

  /** A value behind its length of four bytes; null for the length -1. */
  value(field: string): Uint8Array | null {
    const length = this.int32(field);
    return length === -1 ? null : this.bytes(length, field);
  }

  /**
   * As many items as the two bytes in front of them say.
   * @param minItemBytes the shortest an item can be: a number of items that cannot all be there is
   *   refused before the first is read
   */
  list<Item>(minItemBytes: number, field: string, readItem: (field: string) => Item): Item[] {
    const count = this.uint16(field);
    if (count * minItemBytes > this.bytesLeft) throw this.violation(field);
    const items: Item[] = [];
    while (items.length < count) items.push(readItem(field));
    return items;
  }

  /** Nothing may follow. */
  end(): void {
    if (this.bytesLeft > 0) throw this.violation("end");
  }

  /** The error that says that this field cannot be. */
  violation(field: string): GatewayError {
    return new GatewayError("ERR_PROTOCOL_VIOLATION", `${this.#name}: malformed ${field}`);
  }

  /** Where the next bytes begin, having stepped over them. */
  #step(count: number, field: string): number {
    if (count < 0 || count > this.bytesLeft) throw this.violation(field);
    const at = this.#at;
    this.#at += count;
    return at;
  }
}
