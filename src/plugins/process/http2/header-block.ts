/** Header fields as HPACK writes them (RFC 7541). */

/** A field that is written out and not to be remembered, its name too. */
const LITERAL = 0x00;

/** Of a length that does not fit the bits which are left for it in its first byte. */
const LENGTH_PREFIX_MAX = 0x7f;

/**
 * Writes fields so that nobody has to remember anything: the block is right on every session, as often as wanted, and
 * is written once for all calls of a kind. What is saved by numbers for fields that come again is small beside a
 * system call.
 */
export function headerBlock(fields: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(fields)) {
    parts.push(Buffer.from([LITERAL]), ...text(name), ...text(value));
  }
  return Buffer.concat(parts);
}

function text(value: string): readonly Buffer[] {
  const bytes = Buffer.from(value, "latin1");
  return [Buffer.from(lengthOf(bytes.length)), bytes];
}

function lengthOf(length: number): readonly number[] {
  if (length < LENGTH_PREFIX_MAX) return [length];
  const bytes = [LENGTH_PREFIX_MAX];
  let rest = length - LENGTH_PREFIX_MAX;
  for (; rest >= 0x80; rest >>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}
