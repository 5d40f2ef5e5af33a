/**
 * Writes plain values as a `plugin.v1.Struct`.
 *
 * By hand and not through the generated messages: it is done for every message of a client, and there is no
 * message object to be built between a payload and its bytes. It writes from the end towards the front, so
 * that every length is known when its turn comes.
 */
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

const MAX_SHORT_CHARACTERS = 64;

/** Room for the small values of a payload; bytes are counted, and what is still missing is grown. */
const SMALL_VALUES_BYTES = 1024;

/** Most messages are written here first: a buffer of their own has no room then that nobody needs. */
const scratch = Buffer.alloc(16 * 1024);

/** The scratch buffer, or a larger one that grows. */
let buffer = scratch;
/** Where the first written byte is. */
let start = 0;

/**
 * The Struct's bytes in a buffer of its own, with `headroom` bytes in front of them that are not written to.
 * Keys that are undefined are left out; a bigint becomes a number.
 *
 * @throws a TypeError for a value that a Struct cannot hold: a function, a symbol, nesting without end.
 */
export function encodeStruct(payload: Readonly<Record<string, unknown>>, headroom = 0): Buffer {
  let byteLength = headroom + SMALL_VALUES_BYTES;
  for (const key in payload) {
    const value = payload[key];
    if (value instanceof Uint8Array) byteLength += value.length;
  }
  buffer = byteLength > scratch.length ? Buffer.allocUnsafe(byteLength) : scratch;
  start = buffer.length;
  writeStruct(payload, 0);
  reserve(headroom);
  const encoded = buffer.subarray(start - headroom);
  const isOwn = buffer !== scratch;
  buffer = scratch;
  return isOwn ? encoded : copyOf(encoded);
}

function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafe(bytes.length);
  bytes.copy(copy);
  return copy;
}

/** Makes room for so many bytes in front of what is written. */
function reserve(byteLength: number): void {
  if (start >= byteLength) return;
  const written = buffer.length - start;
  const larger = Buffer.allocUnsafe((buffer.length + byteLength) * 2);
  buffer.copy(larger, larger.length - written, start);
  buffer = larger;
  start = larger.length - written;
}

function writeStruct(fields: object, depth: number): void {
  if (depth > MAX_DEPTH) throw new TypeError("the values are nested too deep");
  const values = fields as Readonly<Record<string, unknown>>; // By its own keys alone.
  const keys = Object.keys(values);
  for (let index = keys.length - 1; index >= 0; index -= 1) {
    const key = keys[index] ?? "";
    const value = values[key];
    if (value === undefined) continue;
    const end = buffer.length - start;
    writeValue(value, depth);
    writeLength(ENTRY_VALUE, end);
    const keyEnd = buffer.length - start;
    writeText(key);
    writeLength(ENTRY_KEY, keyEnd);
    writeLength(FIELDS, end);
  }
}

function writeList(values: readonly unknown[], depth: number): void {
  if (depth > MAX_DEPTH) throw new TypeError("the values are nested too deep");
  for (let index = values.length - 1; index >= 0; index -= 1) {
    const end = buffer.length - start;
    writeValue(values[index] ?? null, depth);
    writeLength(VALUES, end);
  }
}

/** One Value. Distances from the end of the buffer, unlike places in it, stay what they are when it grows. */
function writeValue(value: unknown, depth: number): void {
  const end = buffer.length - start;
  switch (typeof value) {
    case "string":
      writeText(value);
      writeLength(STRING_VALUE, end);
      return;
    case "number":
    case "bigint":
      reserve(9);
      start -= 9;
      buffer[start] = NUMBER_VALUE;
      buffer.writeDoubleLE(Number(value), start + 1);
      return;
    case "boolean":
      writeVarintField(BOOL_VALUE, value ? 1 : 0);
      return;
    case "object":
      break;
    case "undefined":
    case "function":
    case "symbol":
      throw new TypeError(`a ${typeof value} cannot be sent to a plugin`);
  }
  if (value === null) {
    writeVarintField(NULL_VALUE, 0);
  } else if (value instanceof Uint8Array) {
    reserve(value.length);
    start -= value.length;
    buffer.set(value, start);
    writeLength(BYTES_VALUE, end);
  } else if (Array.isArray(value)) {
    writeList(value, depth + 1);
    writeLength(LIST_VALUE, end);
  } else {
    writeStruct(value, depth + 1);
    writeLength(STRUCT_VALUE, end);
  }
}

/** Texts are names and addresses, mostly: for them a call of the platform's takes longer than the writing. */
function writeText(text: string): void {
  if (text.length <= MAX_SHORT_CHARACTERS && writeAscii(text)) return;
  const byteLength = Buffer.byteLength(text);
  reserve(byteLength);
  start -= byteLength;
  buffer.write(text, start, byteLength, "utf8");
}

/** Answers false, with nothing written, where a character is none of ASCII. */
function writeAscii(text: string): boolean {
  const { length } = text;
  reserve(length);
  const from = start - length;
  for (let index = 0; index < length; index += 1) {
    const character = text.charCodeAt(index);
    if (character >= 0x80) return false;
    buffer[from + index] = character;
  }
  start = from;
  return true;
}

function writeVarintField(tag: number, bit: 0 | 1): void {
  reserve(2);
  start -= 2;
  buffer[start] = tag;
  buffer[start + 1] = bit;
}

/** Tag and length in front of what has been written since the end of the buffer was `end` bytes away. */
function writeLength(tag: number, end: number): void {
  const length = buffer.length - start - end;
  let size = 1;
  for (let rest = length; rest >= 0x80; rest = Math.floor(rest / 0x80)) size += 1;
  reserve(size + 1);
  start -= size + 1;
  buffer[start] = tag;
  let at = start + 1;
  let rest = length;
  while (rest >= 0x80) {
    buffer[at] = (rest & 0x7f) | 0x80;
    rest = Math.floor(rest / 0x80);
    at += 1;
  }
  buffer[at] = rest;
}
