/** The Huffman code in which HPACK may write texts (RFC 7541, appendix B). */

const DIGITS_BASE = 36;
const SYMBOLS = 257;
const END_OF_STRING = 256;
const LONGEST_CODE_BITS = 30;

/** How many bits the code of each byte has, and at last that of the end of the string; one digit for each. */
const CODE_BITS =
  "dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca" +
  "d67777777777777777777777878djde6f56565666577666567655677777fbeds" +
  "kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn" +
  "qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq" +
  "u";

/** Symbols in the order of their codes: shorter ones first, and those of one length by their value. */
const ORDERED = new Uint16Array(SYMBOLS);
/** For each length: its first code, the place of that code's symbol, and how many there are. */
const FIRST_CODE = new Int32Array(LONGEST_CODE_BITS + 1);
const FIRST_PLACE = new Int32Array(LONGEST_CODE_BITS + 1);
const COUNT = new Int32Array(LONGEST_CODE_BITS + 1);

// The code is canonical: from the lengths alone all codes follow.
let code = 0;
let place = 0;
for (let bits = 1; bits <= LONGEST_CODE_BITS; bits += 1) {
  code *= 2;
  FIRST_CODE[bits] = code;
  FIRST_PLACE[bits] = place;
  for (let symbol = 0; symbol < SYMBOLS; symbol += 1) {
    if (Number.parseInt(CODE_BITS[symbol] ?? "", DIGITS_BASE) !== bits) continue;
    ORDERED[place] = symbol;
    place += 1;
    code += 1;
  }
  COUNT[bits] = place - (FIRST_PLACE[bits] ?? 0);
}

/**
 * The text that these bytes stand for, a byte for each character.
 *
 * @throws a RangeError when they are no such code
 */
export function decodeHuffman(encoded: Uint8Array): string {
  let text = "";
  let prefix = 0;
  let bits = 0;
  for (const byte of encoded) {
    for (let mask = 0x80; mask > 0; mask >>= 1) {
      prefix = prefix * 2 + ((byte & mask) === 0 ? 0 : 1);
      bits += 1;
      const distance = prefix - (FIRST_CODE[bits] ?? 0);
      if (distance >= (COUNT[bits] ?? 0)) continue;
      const symbol = ORDERED[(FIRST_PLACE[bits] ?? 0) + distance] ?? END_OF_STRING;
      if (symbol === END_OF_STRING) throw new RangeError("a text has an end inside it");
      text += String.fromCharCode(symbol);
      prefix = 0;
      bits = 0;
    }
  }
  // Filled up with the beginning of the longest code, which is ones only.
  if (bits > 7 || prefix !== 2 ** bits - 1) throw new RangeError("a text ends within a character");
  return text;
}
