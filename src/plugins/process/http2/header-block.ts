/** Header fields as HPACK writes them (RFC 7541). */

/** A field that is written out and not to be remembered, its name too. */
const LITERAL = "\0";

/** A length that does not fit the bits which its first byte has for it. */
const LENGTH_PREFIX_MAX = 0x7f;

/**
 * Writes fields so that nobody has to remember anything: the block is right on every session, as often as wanted, and
 * is written once for all calls of a kind. What is saved by numbers for fields that come again is small beside a
 * system call.
 */
export function headerBlock(fields: Readonly<Record<string, string>>): Buffer {
  let block = "";
  for (const name in fields) block += LITERAL + text(name) + text(fields[name] ?? "");
  return Buffer.from(block, "latin1");
}

/** A text behind its length, a character for each byte. */
function text(value: string): string {
  if (value.length < LENGTH_PREFIX_MAX) return String.fromCharCode(value.length) + value;
  let length = String.fromCharCode(LENGTH_PREFIX_MAX);
  let rest = value.length - LENGTH_PREFIX_MAX;
  for (; rest >= 0x80; rest >>= 7) length += String.fromCharCode((rest & 0x7f) | 0x80);
  return length + String.fromCharCode(rest) + value;
}
