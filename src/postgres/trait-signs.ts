/**
 * Tells texts that certainly have no {@link Trait} by their bytes, in one pass and without making a
 * string: most texts are such, and in transaction mode each Query is looked at.
 */

/** What a byte may be a sign of. */
const Sign = {
  None: 0,
  /** What follows may begin a statement: `;`, the end of a line or of a comment. */
  Boundary: 1,
  /** config, of set_config. */
  F: 2,
  /** temp. */
  M: 3,
  /** advisory_lock; lastval, currval. */
  V: 4,
  /** execute. */
  X: 5,
} as const;

const SIGNS = new Uint8Array(256);
for (const character of ";\n/") SIGNS[character.charCodeAt(0)] = Sign.Boundary;
for (const letter of ["f", "m", "v", "x"] as const) {
  const sign = { f: Sign.F, m: Sign.M, v: Sign.V, x: Sign.X }[letter];
  SIGNS[letter.charCodeAt(0)] = sign;
  SIGNS[letter.toUpperCase().charCodeAt(0)] = sign;
}

/** The first three letters of what a statement with a trait may begin with, see {@link threeLetters}. */
const BEGINNINGS: ReadonlySet<number> = new Set(
  ["set", "res", "dis", "lis", "unl", "dec", "clo", "pre", "exe", "dea", "beg", "sta", "loa"].map(
    (letters) => threeLetters(Buffer.from(letters), 0),
  ),
);
const DO = 0x646f;

/**
 * False when `statementTraits` certainly finds nothing in the text from `from` to `to`; it may be true
 * of others that have none.
 */
export function mayHaveTraits(bytes: Uint8Array, from: number, to: number): boolean {
  let behindSpace = endOfSpace(bytes, from, to);
  if (mayBegin(bytes, behindSpace, to)) return true;
  for (let at = behindSpace; at < to; at++) {
    const sign = SIGNS[bytes[at] ?? 0] ?? Sign.None;
    if (sign === Sign.None) continue;
    if (sign !== Sign.Boundary) {
      if (isOne(sign, bytes, at)) return true;
    } else if (at >= behindSpace) {
      // White space that is lines is stepped over once, and not from the end of each line again.
      behindSpace = endOfSpace(bytes, at + 1, to);
      if (mayBegin(bytes, behindSpace, to)) return true;
    }
  }
  return false;
}

function isOne(sign: number, bytes: Uint8Array, at: number): boolean {
  const before = letterAt(bytes, at - 1);
  const after = letterAt(bytes, at + 1);
  switch (sign) {
    case Sign.F:
      return before === 0x6e && after === 0x69; // n, i
    case Sign.M:
      return before === 0x65 && after === 0x70; // e, p
    case Sign.V:
      // t or r, a; d, i
      if (after === 0x61) return before === 0x74 || before === 0x72;
      return before === 0x64 && after === 0x69;
    default:
      return before === 0x65 && after === 0x65; // e, e
  }
}

function endOfSpace(bytes: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && isSpace(bytes[at] ?? 0)) at++;
  return at;
}

/** A word that the statements with traits begin with may stand here. */
function mayBegin(bytes: Uint8Array, at: number, to: number): boolean {
  if (at >= to) return false;
  const letters = threeLetters(bytes, at);
  return letters >>> 8 === DO || BEGINNINGS.has(letters);
}

function threeLetters(bytes: Uint8Array, at: number): number {
  return (letterAt(bytes, at) << 16) | (letterAt(bytes, at + 1) << 8) | letterAt(bytes, at + 2);
}

/** In lower case, if it is one; what is none may become another character, but no letter. */
function letterAt(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | 0x20;
}

/** As `\s` of a regular expression takes it: the no-break space, too. */
function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d) || byte === 0xa0;
}
