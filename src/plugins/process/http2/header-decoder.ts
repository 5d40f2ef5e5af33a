/** Reads header fields as HPACK writes them (RFC 7541). */
import { decodeHuffman } from "./huffman.ts";
import { STATIC_FIELDS } from "./static-fields.ts";

/** By their names; of a name that comes twice the last value counts. */
export type HeaderFields = ReadonlyMap<string, string>;

type Field = readonly [name: string, value: string];

/** What the table of remembered fields may hold: the size that holds where nothing else is agreed. */
const MAX_TABLE_BYTES = 4096;

/** What each remembered field counts for beside its texts. */
const FIELD_OVERHEAD_BYTES = 32;

/** No number in a block is near it. */
const MAX_NUMBER = 2 ** 28;

/** One for each session: what a block means depends on those before it. */
export class HeaderDecoder {
  /** The newest last. */
  readonly #table: Field[] = [];
  #tableBytes = 0;
  #maxTableBytes = MAX_TABLE_BYTES;
  #block: Buffer = Buffer.alloc(0);
  #at = 0;

  /** @throws a RangeError for a block that cannot be read; then the session is of no use any more */
  decode(block: Buffer): HeaderFields {
    this.#block = block;
    this.#at = 0;
    const fields = new Map<string, string>();
    while (this.#at < block.length) {
      const first = block[this.#at] ?? 0;
      if (first >= 0x80) {
        const [name, value] = this.#fieldAt(this.#number(7));
        fields.set(name, value);
      } else if (first >= 0x40) {
        const field = this.#literal(6);
        this.#remember(field);
        fields.set(field[0], field[1]);
      } else if (first >= 0x20) {
        this.#resize(this.#number(5));
      } else {
        const [name, value] = this.#literal(4);
        fields.set(name, value);
      }
    }
    return fields;
  }

  /** A field whose value is written out, and its name too unless it has a number. */
  #literal(prefixBits: number): Field {
    const number = this.#number(prefixBits);
    const name = number === 0 ? this.#text() : this.#fieldAt(number)[0];
    return [name, this.#text()];
  }

  #fieldAt(number: number): Field {
    const field =
      number <= STATIC_FIELDS.length
        ? STATIC_FIELDS[number - 1]
        : this.#table[this.#table.length - (number - STATIC_FIELDS.length)];
    if (field === undefined) throw new RangeError(`there is no header field ${number}`);
    return field;
  }

  #remember(field: Field): void {
    this.#table.push(field);
    this.#tableBytes += sizeOf(field);
    this.#evict();
  }

  #resize(maxBytes: number): void {
    if (maxBytes > MAX_TABLE_BYTES) throw new RangeError("the header table is too large");
    this.#maxTableBytes = maxBytes;
    this.#evict();
  }

  #evict(): void {
    while (this.#tableBytes > this.#maxTableBytes) {
      const oldest = this.#table.shift();
      if (oldest === undefined) return;
      this.#tableBytes -= sizeOf(oldest);
    }
  }

  /** A number that begins in the last bits of a byte. */
  #number(prefixBits: number): number {
    const max = 2 ** prefixBits - 1;
    let value = this.#byte() & max;
    if (value < max) return value;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.#byte();
      value += (byte & 0x7f) * factor;
      if (value > MAX_NUMBER) throw new RangeError("a number of the headers is too large");
      if (byte < 0x80) return value;
    }
  }

  #text(): string {
    const isHuffman = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    const end = this.#number(7) + this.#at;
    if (end > this.#block.length) throw new RangeError("the headers end too early");
    const start = this.#at;
    this.#at = end;
    return isHuffman
      ? decodeHuffman(this.#block.subarray(start, end))
      : this.#block.toString("latin1", start, end);
  }

  #byte(): number {
    const byte = this.#block[this.#at];
    if (byte === undefined) throw new RangeError("the headers end too early");
    this.#at += 1;
    return byte;
  }
}

function sizeOf([name, value]: Field): number {
  return name.length + value.length + FIELD_OVERHEAD_BYTES;
}
