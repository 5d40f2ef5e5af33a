/**
 * A hash of the tokens of a statement, in which lists of values are as long as they like: `1, 2` is the same as `1`, and
 * `(1, 2), (3, 4)` the same as `(1)`.
 *
 *   nothing    elsewhere
 *   value      behind a value
 *   next       behind a comma that follows a value, which is held back
 *   open       behind `(`
 *   inRow      behind a value that follows `(`, and maybe others
 *   nextInRow  behind a comma that follows such a one, held back
 *   row        behind the `)` of values alone
 *   nextRow    behind a comma that follows such a row, held back
 *   again      behind the `(` that follows that comma, both held back
 *   inAgain    behind values that follow it, one of which is held back with them
 *   nextAgain  behind a comma that follows those, held back
 */
const List = {
  Nothing: 0,
  Value: 1,
  Next: 2,
  Open: 3,
  InRow: 4,
  NextInRow: 5,
  Row: 6,
  NextRow: 7,
  Again: 8,
  InAgain: 9,
  NextAgain: 10,
} as const;

const OPEN = 0x28;
const CLOSE = 0x29;
const COMMA = 0x2c;
/** In the place of a value. No statement has this byte. */
const VALUE = 0x01;

const FIRST_SEED = 0x811c9dc5;
const FIRST_PRIME = 0x01000193;
const SECOND_PRIME = 0x85ebca6b;
/** A whole number has room for so many bits of the second hash beside the first. */
const SECOND_BITS = 21;

/** One for many texts: nothing is made for one of them. */
export class ShapeHash {
  #first = 0;
  #second = 0;
  #list: number = List.Nothing;

  /** Another text. */
  begin(): void {
    this.#first = FIRST_SEED;
    this.#second = 0;
    this.#list = List.Nothing;
  }

  /** Of all that has come: a whole number of 53 bits. */
  end(): number {
    this.#leaveList();
    const second = finish(this.#second) >>> (32 - SECOND_BITS);
    return (finish(this.#first) >>> 0) * 2 ** SECOND_BITS + second;
  }

  /** Where a list may go on: what stands here may be a value. */
  get isInList(): boolean {
    switch (this.#list) {
      case List.Next:
      case List.Open:
      case List.NextInRow:
      case List.Again:
      case List.NextAgain:
        return true;
      default:
        return false;
    }
  }

  /** Something that is neither a value nor of a list begins: its bytes follow. */
  token(): void {
    if (this.#list !== List.Nothing) this.#leaveList();
  }

  byte(byte: number): void {
    this.#first = Math.imul(this.#first ^ byte, FIRST_PRIME);
    this.#second = Math.imul((this.#second << 13) | (this.#second >>> 19), SECOND_PRIME) + byte;
  }

  /** Bytes from `from` to before `to`, each as the table has it: most of a statement. */
  bytes(bytes: Uint8Array, from: number, to: number, table: Uint8Array): void {
    let first = this.#first;
    let second = this.#second;
    for (let at = from; at < to; at++) {
      const byte = table[bytes[at] ?? 0] ?? 0;
      first = Math.imul(first ^ byte, FIRST_PRIME);
      second = Math.imul((second << 13) | (second >>> 19), SECOND_PRIME) + byte;
    }
    this.#first = first;
    this.#second = second;
  }

  value(): void {
    switch (this.#list) {
      case List.Next:
        this.#list = List.Value;
        return;
      case List.NextInRow:
        this.#list = List.InRow;
        return;
      case List.Again:
      case List.NextAgain:
        this.#list = List.InAgain;
        return;
      case List.Open:
        this.byte(VALUE);
        this.#list = List.InRow;
        return;
    }
    this.token();
    this.byte(VALUE);
    this.#list = List.Value;
  }

  comma(): void {
    switch (this.#list) {
      case List.Value:
        this.#list = List.Next;
        return;
      case List.InRow:
        this.#list = List.NextInRow;
        return;
      case List.Row:
        this.#list = List.NextRow;
        return;
      case List.InAgain:
        this.#list = List.NextAgain;
        return;
    }
    this.token();
    this.byte(COMMA);
  }

  open(): void {
    if (this.#list === List.NextRow) {
      this.#list = List.Again;
      return;
    }
    this.token();
    this.byte(OPEN);
    this.#list = List.Open;
  }

  close(): void {
    const list = this.#list;
    if (list === List.InAgain) {
      this.#list = List.Row;
      return;
    }
    if (list !== List.InRow) this.token();
    this.byte(CLOSE);
    this.#list = list === List.InRow ? List.Row : List.Nothing;
  }

  /** What was held back is no part of a list. */
  #leaveList(): void {
    const list = this.#list;
    this.#list = List.Nothing;
    switch (list) {
      case List.Next:
      case List.NextInRow:
      case List.NextRow:
        this.byte(COMMA);
        return;
      case List.Again:
        this.byte(COMMA);
        this.byte(OPEN);
        return;
      case List.InAgain:
      case List.NextAgain:
        this.byte(COMMA);
        this.byte(OPEN);
        this.byte(VALUE);
        if (list === List.NextAgain) this.byte(COMMA);
    }
  }
}

/** Spreads what has come last over all bits (as MurmurHash3 does). */
function finish(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
