/**
 * What makes two texts the same statement: all that PostgreSQL's lexer sees in them, except what stands in
 * numbers and strings, in comments, and in white space (manual, 4.1 Lexical Structure).
 *
 * Where it is not certain what the lexer sees, there is no key. It takes strings as
 * `standard_conforming_strings = on` has them, and is right in all of PostgreSQL's encodings: no quote, blank,
 * slash or digit is ever part of another character, and where a backslash or a letter counts, only ASCII is
 * taken.
 */

/** Longer texts have no key. */
export const MAX_TEXT_BYTES = 8192;

/** What stands for any number, and for any string; no text has these bytes. */
const NUMBER = 1;
const STRING = 2;

const SPACE = 0x20;
const DOUBLE_QUOTE = 0x22;
const DOLLAR = 0x24;
const AMPERSAND = 0x26;
const QUOTE = 0x27;
const STAR = 0x2a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const LOWER_CASE = 0x20;
const LETTER_B = 0x62;
const LETTER_E = 0x65;
const LETTER_U = 0x75;
const LETTER_X = 0x78;
const DELETE = 0x7f;

/** What a byte begins. */
const Start = {
  /** Nothing that has a key: control characters, `\`, braces, and all that is not ASCII. */
  Unknown: 0,
  Blank: 1,
  Word: 2,
  Number: 3,
  String: 4,
  QuotedName: 5,
  Parameter: 6,
  /** `-`, which may be a comment. */
  Minus: 7,
  /** `/`, which may be a comment. */
  Slash: 8,
  /** `.`, which may be a number. */
  Dot: 9,
  Semicolon: 10,
  /** Operators, and what stands for itself. */
  Other: 11,
} as const;

const STARTS = new Uint8Array(256);
/** Goes on a word: letters, digits, `_`, `$`. */
const IN_WORD = new Uint8Array(256);

setStarts(" \t\n\r\f", Start.Blank);
setStarts("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_", Start.Word);
setStarts("0123456789", Start.Number);
setStarts("()[],:=<>+*%^&|~!@#?`", Start.Other);
setStarts("'", Start.String);
setStarts('"', Start.QuotedName);
setStarts("$", Start.Parameter);
setStarts("-", Start.Minus);
setStarts("/", Start.Slash);
setStarts(".", Start.Dot);
setStarts(";", Start.Semicolon);
for (let byte = 0; byte < 128; byte++) {
  const start = STARTS[byte];
  IN_WORD[byte] = start === Start.Word || start === Start.Number || byte === DOLLAR ? 1 : 0;
}

function setStarts(characters: string, start: number): void {
  for (const character of characters) STARTS[character.charCodeAt(0)] = start;
}

/** Where a text ends that has no key. */
const NOWHERE = -1;

/** The key of the text that was read last. Reused: nothing is made for a text. */
export class StatementKey {
  /** The key is its first `length` bytes; zeros up to the next whole word follow. */
  readonly bytes = new Uint8Array(MAX_TEXT_BYTES + 4);
  /** The same memory, 32 bits a word. */
  readonly words = new Int32Array(this.bytes.buffer);
  length = 0;
  /** Of the key, 32 bits; another one in each process. */
  hash = 0;
  readonly #seed: number;

  /** @param seed any 32 bits */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** Words of `words` that the key fills. */
  get wordCount(): number {
    return (this.length + 3) >> 2;
  }

  /**
   * Takes the key of the text between `from` and `to`, which is without the zero byte at its end.
   * @returns false when there is none
   */
  read(text: Uint8Array, from: number, to: number): boolean {
    if (to - from > MAX_TEXT_BYTES) return false;
    const key = this.bytes;
    let length = 0;
    let at = from;
    while (at < to) {
      const byte = text[at] ?? 0;
      switch (STARTS[byte]) {
        case Start.Word: {
          const begin = at;
          do key[length++] = text[at++] ?? 0;
          while (at < to && IN_WORD[text[at] ?? 0] === 1);
          if (at - begin > 1 || at >= to) break;
          // One letter may be the beginning of something else. Bit strings have no doubled quotes.
          if (text[at] === QUOTE) {
            const letter = byte | LOWER_CASE;
            if (letter === LETTER_E) at = endOfEscapedString(text, at, to);
            else if (letter === LETTER_B || letter === LETTER_X) return false;
            else at = endOfString(text, at, to);
            if (at === NOWHERE) return false;
            key[length++] = STRING;
          } else if (text[at] === AMPERSAND && (byte | LOWER_CASE) === LETTER_U) {
            // U&'...' or U&"...", whose escapes are told behind it.
            if (text[at + 1] === QUOTE || text[at + 1] === DOUBLE_QUOTE) return false;
          }
          break;
        }
        case Start.Blank:
          at++;
          if (length > 0 && key[length - 1] !== SPACE) key[length++] = SPACE;
          break;
        case Start.Other:
          key[length++] = byte;
          at++;
          break;
        case Start.Number:
          at = endOfNumber(text, at, to);
          if (at === NOWHERE) return false;
          key[length++] = NUMBER;
          break;
        case Start.Dot: {
          const next = at + 1 < to ? text[at + 1] : 0;
          // The first of two dots never begins a number, nor does the second.
          if (next === DOT) return false;
          if (STARTS[next ?? 0] === Start.Number) {
            at = endOfNumber(text, at, to);
            if (at === NOWHERE) return false;
            key[length++] = NUMBER;
          } else {
            key[length++] = byte;
            at++;
          }
          break;
        }
        case Start.String: {
          // 'a'
          // 'b' is one string, and the second part goes by the rules of the first.
          const last = key[length - 1] === SPACE ? key[length - 2] : key[length - 1];
          if (length > 0 && last === STRING) return false;
          at = endOfString(text, at, to);
          if (at === NOWHERE) return false;
          key[length++] = STRING;
          break;
        }
        case Start.Parameter:
          do key[length++] = text[at++] ?? 0;
          while (at < to && STARTS[text[at] ?? 0] === Start.Number);
          // What is no number behind it makes it a dollar quote, or an error.
          if (key[length - 1] === DOLLAR || (at < to && IN_WORD[text[at] ?? 0] === 1)) return false;
          break;
        case Start.QuotedName: {
          const end = endOfQuotedName(text, at, to);
          if (end === NOWHERE) return false;
          while (at < end) key[length++] = text[at++] ?? 0;
          break;
        }
        case Start.Minus:
        case Start.Slash: {
          const end = endOfComment(text, at, to);
          if (end === NOWHERE) return false;
          if (end === at) {
            key[length++] = byte;
            at++;
          } else {
            at = end;
            if (length > 0 && key[length - 1] !== SPACE) key[length++] = SPACE;
          }
          break;
        }
        case Start.Semicolon:
          while (++at < to) if (STARTS[text[at] ?? 0] !== Start.Blank) return false;
          break;
        default:
          return false;
      }
    }
    if (length > 0 && key[length - 1] === SPACE) length--;
    if (length === 0) return false;
    this.length = length;
    this.hash = this.#hashOf(length);
    return true;
  }

  #hashOf(length: number): number {
    const { bytes, words } = this;
    // No key has a zero byte: shorter keys differ from longer ones.
    bytes[length] = bytes[length + 1] = bytes[length + 2] = 0;
    const count = (length + 3) >> 2;
    let hash = this.#seed;
    for (let at = 0; at < count; at++) {
      hash = Math.imul(hash ^ (words[at] ?? 0), 0x9e37_79b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }
}

/** @param at of its first quote */
function endOfString(text: Uint8Array, at: number, to: number): number {
  while (++at < to) {
    const byte = text[at];
    if (byte === 0) return NOWHERE;
    if (byte !== QUOTE) continue;
    if (++at >= to || text[at] !== QUOTE) return at;
  }
  return NOWHERE;
}

/** E'...' @param at of its first quote */
function endOfEscapedString(text: Uint8Array, at: number, to: number): number {
  while (++at < to) {
    const byte = text[at] ?? 0;
    if (byte === 0 || byte > DELETE) return NOWHERE;
    if (byte === BACKSLASH) {
      // Whatever it is that is escaped, a quote too.
      if (++at >= to || (text[at] ?? 0) > DELETE || text[at] === 0) return NOWHERE;
    } else if (byte === QUOTE && (++at >= to || text[at] !== QUOTE)) {
      return at;
    }
  }
  return NOWHERE;
}

/** @param at of its first quote */
function endOfQuotedName(text: Uint8Array, at: number, to: number): number {
  while (++at < to) {
    const byte = text[at] ?? 0;
    if (byte < SPACE || byte >= DELETE) return NOWHERE;
    if (byte === DOUBLE_QUOTE && (++at >= to || text[at] !== DOUBLE_QUOTE)) return at;
  }
  return NOWHERE;
}

/**
 * 12, 1.5, .5, 1., 1e10, 1.5e-3. What newer servers read as one number and older ones as a number and a name
 * (0x1F, 1_000, 12abc) is none.
 */
function endOfNumber(text: Uint8Array, at: number, to: number): number {
  at = endOfDigits(text, at, to);
  if (text[at] === DOT && at < to) at = endOfDigits(text, at + 1, to);
  if (at < to && ((text[at] ?? 0) | LOWER_CASE) === LETTER_E) {
    const sign = text[at + 1];
    const digits = sign === PLUS || sign === MINUS ? at + 2 : at + 1;
    at = endOfDigits(text, digits, to);
    if (at <= digits) return NOWHERE;
  }
  if (at >= to) return at;
  const next = text[at] ?? 0;
  return IN_WORD[next] === 1 || next === DOT || next > DELETE ? NOWHERE : at;
}

function endOfDigits(text: Uint8Array, at: number, to: number): number {
  while (at < to && STARTS[text[at] ?? 0] === Start.Number) at++;
  return at;
}

/** @returns `at` when no comment begins there */
function endOfComment(text: Uint8Array, at: number, to: number): number {
  const next = at + 1 < to ? text[at + 1] : 0;
  if (text[at] === MINUS) return next === MINUS ? endOfLine(text, at, to) : at;
  if (next !== STAR) return at;
  let depth = 0;
  while (at + 1 < to) {
    const second = text[at + 1];
    if (text[at] === SLASH && second === STAR) {
      depth++;
      at += 2;
    } else if (text[at] === STAR && second === SLASH) {
      depth--;
      at += 2;
      if (depth === 0) return at;
    } else if (text[at] === 0) {
      return NOWHERE;
    } else {
      at++;
    }
  }
  return NOWHERE;
}

function endOfLine(text: Uint8Array, at: number, to: number): number {
  while (at < to && text[at] !== 0x0a && text[at] !== 0x0d) if (text[at++] === 0) return NOWHERE;
  return at;
}
