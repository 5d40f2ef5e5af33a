/**
 * Tells statements apart by their bytes, whatever values stand in them: in one pass, and without making anything,
 * because it is done for every unit. It is no grammar: two texts that mean the same may have two shapes, and a string
 * that is read by other settings than `standard_conforming_strings = on` may end at another place. Who shows a
 * statement has it read by PostgreSQL's own grammar.
 *
 * Left out are comments, case, white space that separates nothing, constants and parameters; lists are cut short as
 * shape-hash.ts says.
 */
import { ShapeHash } from "./shape-hash.ts";

/** What a byte may begin. */
const Kind = {
  Other: 0,
  Space: 1,
  /** Of a name or a keyword. */
  Word: 2,
  Digit: 3,
  Quote: 4,
  DoubleQuote: 5,
  Dollar: 6,
  Minus: 7,
  Slash: 8,
  Dot: 9,
  Comma: 10,
  Open: 11,
  Close: 12,
  End: 13,
} as const;

const SIGNS: Readonly<Record<string, number>> = {
  "'": Kind.Quote,
  '"': Kind.DoubleQuote,
  $: Kind.Dollar,
  "-": Kind.Minus,
  "/": Kind.Slash,
  ".": Kind.Dot,
  ",": Kind.Comma,
  "(": Kind.Open,
  ")": Kind.Close,
  "\0": Kind.End,
};

const KINDS = new Uint8Array(256).fill(Kind.Word, 0x80);
for (let byte = 0; byte < 0x80; byte++) KINDS[byte] = kindOf(String.fromCharCode(byte));

function kindOf(character: string): number {
  if (/[A-Za-z_]/.test(character)) return Kind.Word;
  if (/[0-9]/.test(character)) return Kind.Digit;
  if (/[ \t\n\r\f\v]/.test(character)) return Kind.Space;
  return SIGNS[character] ?? Kind.Other;
}

const LOWER = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte,
);

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const DOLLAR = 0x24;
const QUOTE = 0x27;
const ASTERISK = 0x2a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const LETTER_E = 0x65;
const LETTER_L = 0x6c;
const LETTER_N = 0x6e;
const LETTER_U = 0x75;

const hash = new ShapeHash();

/**
 * A number that statements have in common which differ in their values only, and others do not, but by chance: there are
 * 2^53 of them.
 *
 * @param from where the text begins
 * @param to where it ends, if no zero byte comes first
 */
export function shapeOf(bytes: Uint8Array, from: number, to: number): number {
  hash.begin();
  /** The last token was a name, a keyword or a value: a word needs space between. */
  let isBehindWord = false;
  let at = from;
  while (at < to) {
    const byte = bytes[at] ?? 0;
    const kind = KINDS[byte];
    if (kind === Kind.Space) {
      at++;
      continue;
    }
    if (kind === Kind.Word) {
      at = word(bytes, at, to, isBehindWord);
      isBehindWord = true;
      continue;
    }
    if (kind === Kind.End) break;
    if (kind === Kind.Comma) hash.comma();
    else if (kind === Kind.Open) hash.open();
    else if (kind === Kind.Close) hash.close();
    else {
      const behindComment = endOfComment(kind, bytes, at, to);
      if (behindComment > at) {
        at = behindComment;
        continue;
      }
      const behindValue = endOfValue(kind, bytes, at, to, isBehindWord);
      isBehindWord = behindValue > at || kind === Kind.DoubleQuote;
      if (behindValue > at) {
        hash.value();
        at = behindValue;
        continue;
      }
      const end = kind === Kind.DoubleQuote ? endOfQuoted(bytes, at + 1, to, byte) : at + 1;
      hash.token();
      for (; at < end; at++) hash.byte(bytes[at] ?? 0);
      continue;
    }
    isBehindWord = false;
    at++;
  }
  return hash.end();
}

/** A name, a keyword, a NULL in a list, or a string with a letter in front. @returns where it ends */
function word(bytes: Uint8Array, from: number, to: number, isBehindWord: boolean): number {
  if (hash.isInList && isNull(bytes, from, to)) {
    hash.value();
    return from + 4;
  }
  hash.token();
  if (isBehindWord) hash.byte(SPACE);
  let at = from + 1;
  while (at < to && isOfWord(bytes[at] ?? 0)) at++;
  hash.bytes(bytes, from, at, LOWER);
  const isEscaping = at === from + 1 && LOWER[bytes[from] ?? 0] === LETTER_E;
  if (!isEscaping || at >= to || bytes[at] !== QUOTE) return at;
  hash.value();
  return endOfEscaping(bytes, at + 1, to);
}

function isOfWord(byte: number): boolean {
  const kind = KINDS[byte];
  return kind === Kind.Word || kind === Kind.Digit || kind === Kind.Dollar;
}

function isNull(bytes: Uint8Array, at: number, to: number): boolean {
  return (
    LOWER[bytes[at] ?? 0] === LETTER_N &&
    LOWER[bytes[at + 1] ?? 0] === LETTER_U &&
    LOWER[bytes[at + 2] ?? 0] === LETTER_L &&
    LOWER[bytes[at + 3] ?? 0] === LETTER_L &&
    at + 4 <= to &&
    (at + 4 === to || !isOfWord(bytes[at + 4] ?? 0))
  );
}

/** @returns `at` when no value begins there */
function endOfValue(
  kind: number | undefined,
  bytes: Uint8Array,
  at: number,
  to: number,
  isBehindWord: boolean,
): number {
  switch (kind) {
    case Kind.Digit:
      return endOfNumber(bytes, at + 1, to);
    case Kind.Quote:
      return endOfQuoted(bytes, at + 1, to, QUOTE);
    case Kind.Dollar:
      return endOfDollar(bytes, at, to);
    case Kind.Dot:
      return !isBehindWord && isDigitAt(bytes, at + 1) ? endOfNumber(bytes, at + 1, to) : at;
    case Kind.Minus:
      return hash.isInList && isDigitAt(bytes, at + 1) ? endOfNumber(bytes, at + 1, to) : at;
    default:
      return at;
  }
}

function isDigitAt(bytes: Uint8Array, at: number): boolean {
  return KINDS[bytes[at] ?? 0] === Kind.Digit;
}

/** `1_000.5e-3`, `0xff`; what follows it directly belongs to it. */
function endOfNumber(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  for (; at < to; at++) {
    const byte = bytes[at] ?? 0;
    const kind = KINDS[byte];
    if (kind === Kind.Word || kind === Kind.Digit || kind === Kind.Dot) continue;
    const isExponent = LOWER[bytes[at - 1] ?? 0] === LETTER_E && (byte === PLUS || byte === MINUS);
    if (!isExponent || !isDigitAt(bytes, at + 1)) break;
  }
  return at;
}

/** Behind the quote that closes; one that is doubled does not. */
function endOfQuoted(bytes: Uint8Array, from: number, to: number, quote: number): number {
  for (let at = from; at < to; at++) {
    if (bytes[at] === quote && bytes[++at] !== quote) return at;
  }
  return to;
}

/** The same, where a backslash says something of what follows. */
function endOfEscaping(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    const byte = bytes[at];
    if (byte === BACKSLASH) at++;
    else if (byte === QUOTE && bytes[++at] !== QUOTE) return at;
  }
  return to;
}

/** Behind `$1`, or a string between `$tag$` and `$tag$`; `at` for a dollar that is neither. */
function endOfDollar(bytes: Uint8Array, at: number, to: number): number {
  let end = at + 1;
  if (isDigitAt(bytes, end)) {
    while (end < to && isDigitAt(bytes, end)) end++;
    return end;
  }
  while (end < to && bytes[end] !== DOLLAR && isOfWord(bytes[end] ?? 0)) end++;
  if (end >= to || bytes[end] !== DOLLAR) return at;
  const tagBytes = end + 1 - at;
  for (let close = end + 1; close + tagBytes <= to; close++) {
    if (bytes[close] === DOLLAR && isSame(bytes, at, close, tagBytes)) return close + tagBytes;
  }
  return to;
}

function isSame(bytes: Uint8Array, one: number, other: number, length: number): boolean {
  for (let index = 0; index < length; index++) {
    if (bytes[one + index] !== bytes[other + index]) return false;
  }
  return true;
}

/** @returns `at` when no comment begins there */
function endOfComment(kind: number | undefined, bytes: Uint8Array, at: number, to: number): number {
  if (kind === Kind.Minus && bytes[at + 1] === MINUS) return endOfLine(bytes, at + 2, to);
  if (kind === Kind.Slash && bytes[at + 1] === ASTERISK) return endOfBlock(bytes, at + 2, to);
  return at;
}

function endOfLine(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] !== LINE_FEED && bytes[at] !== CARRIAGE_RETURN) at++;
  return at;
}

/** Block comments nest, unlike those of C. */
function endOfBlock(bytes: Uint8Array, from: number, to: number): number {
  let depth = 1;
  for (let at = from; at + 1 < to; at++) {
    if (bytes[at] === SLASH && bytes[at + 1] === ASTERISK) {
      depth++;
      at++;
    } else if (bytes[at] === ASTERISK && bytes[at + 1] === SLASH) {
      at++;
      if (--depth === 0) return at + 1;
    }
  }
  return to;
}
