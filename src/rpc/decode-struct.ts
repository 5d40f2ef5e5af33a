/** Reads a `plugin.v1.Struct` as plain values; the counterpart of encodeStruct. */
import {
  BOOL_VALUE,
  BYTES_VALUE,
  ENTRY_KEY,
  ENTRY_VALUE,
  FIELDS,
  LIST_VALUE,
  MAX_DEPTH,
  NULL_VALUE,
  NUMBER_VALUE,
  STRING_VALUE,
  STRUCT_VALUE,
  VALUES,
} from "./struct-fields.ts";

/** The wire types of protobuf, to skip fields that are not known. */
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

/**
 * The Struct's values: null, booleans, numbers, texts, lists and objects of these, and bytes as parts of the
 * given ones. Unknown fields are skipped; of a key that is there twice the last value counts.
 *
 * @throws a RangeError when the bytes are no Struct, or nested deeper than protobuf allows.
 */
export function decodeStruct(bytes: Buffer): Record<string, unknown> {
  return new StructReader(bytes).struct(bytes.length, 0);
}

class StructReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  struct(end: number, depth: number): Record<string, unknown> {
    if (depth > MAX_DEPTH) throw new RangeError("the values are nested too deep");
    const fields: Record<string, unknown> = {};
    while (this.#at < end) {
      const tag = this.#varint();
      if (tag === FIELDS) this.#entry(fields, this.#delimited(end), depth);
      else this.#skip(tag);
    }
    return fields;
  }

  #entry(fields: Record<string, unknown>, end: number, depth: number): void {
    let key = "";
    let value: unknown = null;
    while (this.#at < end) {
      const tag = this.#varint();
      if (tag === ENTRY_KEY) key = this.#text(end);
      else if (tag === ENTRY_VALUE) value = this.#value(this.#delimited(end), depth);
      else this.#skip(tag);
    }
    if (key === "__proto__") {
      // An assignment would set the object's prototype.
      Object.defineProperty(fields, key, {
        value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
    } else {
      fields[key] = value;
    }
  }

  #value(end: number, depth: number): unknown {
    let value: unknown = null;
    while (this.#at < end) {
      const tag = this.#varint();
      switch (tag) {
        case NULL_VALUE:
          this.#varint();
          value = null;
          break;
        case NUMBER_VALUE:
          this.#need(8, end);
          value = this.#bytes.readDoubleLE(this.#at);
          this.#at += 8;
          break;
        case STRING_VALUE:
          value = this.#text(end);
          break;
        case BOOL_VALUE:
          value = this.#varint() !== 0;
          break;
        case STRUCT_VALUE:
          value = this.struct(this.#delimited(end), depth + 1);
          break;
        case LIST_VALUE:
          value = this.#list(this.#delimited(end), depth + 1);
          break;
        case BYTES_VALUE: {
          const bytesEnd = this.#delimited(end);
          value = this.#bytes.subarray(this.#at, bytesEnd);
          this.#at = bytesEnd;
          break;
        }
        default:
          this.#skip(tag);
      }
    }
    return value;
  }

  #list(end: number, depth: number): unknown[] {
    if (depth > MAX_DEPTH) throw new RangeError("the values are nested too deep");
    const values: unknown[] = [];
    while (this.#at < end) {
      const tag = this.#varint();
      if (tag === VALUES) values.push(this.#value(this.#delimited(end), depth));
      else this.#skip(tag);
    }
    return values;
  }

  #text(end: number): string {
    const textEnd = this.#delimited(end);
    const text = textOf(this.#bytes, this.#at, textEnd);
    this.#at = textEnd;
    return text;
  }

  /** Goes past the field of a tag that means nothing here. */
  #skip(tag: number): void {
    const wireType = tag % 8;
    const { length } = this.#bytes;
    if (wireType === VARINT) this.#varint();
    else if (wireType === DELIMITED) this.#at = this.#delimited(length);
    else if (wireType === FIXED64 || wireType === FIXED32) {
      const size = wireType === FIXED64 ? 8 : 4;
      this.#need(size, length);
      this.#at += size;
    } else throw new RangeError(`wire type ${wireType} is not known`);
  }

  /** Reads the length of what follows, and says where it ends. */
  #delimited(end: number): number {
    const length = this.#varint();
    this.#need(length, end);
    return this.#at + length;
  }

  #need(byteLength: number, end: number): void {
    if (this.#at + byteLength > end) throw new RangeError("the message ends too early");
  }

  /** Not by shifts: lengths may have more than 31 bits. Beyond 2^53 digits are lost, which no use of it minds. */
  #varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 10; count += 1) {
      const byte = this.#bytes[this.#at];
      if (byte === undefined) throw new RangeError("the message ends too early");
      this.#at += 1;
      if (byte < 0x80) return value + byte * factor;
      value += (byte - 0x80) * factor;
      factor *= 0x80;
    }
    throw new RangeError("a number is too long");
  }
}

const MAX_KNOWN_CHARACTERS = 64;
/** Names of keys, and addresses: the same ones come again and again. By length and last byte, the last one seen. */
const known: (string | undefined)[] = Array.from({ length: 4096 }, () => undefined);

/** A text that is known already need not be made anew, which takes longer than a look at all of it. */
function textOf(bytes: Buffer, from: number, to: number): string {
  const length = to - from;
  if (length === 0) return "";
  if (length > MAX_KNOWN_CHARACTERS) return bytes.toString("utf8", from, to);
  const place = (((length - 1) << 6) | ((bytes[to - 1] ?? 0) & 0x3f)) & 4095;
  const text = known[place];
  if (text !== undefined && isText(text, bytes, from, length)) return text;
  const made = bytes.toString("utf8", from, to);
  // A character beyond ASCII has several bytes: such a text is never found again.
  if (made.length === length) known[place] = made;
  return made;
}

function isText(text: string, bytes: Buffer, from: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let index = 0; index < length; index += 1) {
    if (text.charCodeAt(index) !== bytes[from + index]) return false;
  }
  return true;
}
