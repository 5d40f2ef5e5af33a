/**
 * Tells from its command tag whether a command may have changed what the statements of others mean, or what they
 * do: definitions and rights (PostgreSQL manual, 54.7, CommandComplete).
 */

/**
 * First words of the tags. DO may do anything; so may CALL, as functions may, but it is used all the time, and
 * hardly ever for that: what it defines counts when the verdict is renewed.
 */
const DEFINING: ReadonlySet<string> = new Set([
  "ALTER",
  "COMMENT",
  "CREATE",
  "DO",
  "DROP",
  "GRANT",
  "IMPORT",
  "LOAD",
  "REASSIGN",
  "REVOKE",
  "SECURITY",
]);

const LETTER_S = 0x53;
const LETTER_L = 0x4c;
const SPACE = 0x20;

/** @param at where the tag begins in `bytes`; it ends with a space or a zero byte */
export function isDefining(bytes: Uint8Array, at: number): boolean {
  // SELECT: most of all, and not worth a string.
  if (bytes[at] === LETTER_S && bytes[at + 2] === LETTER_L) return false;
  let end = at;
  while ((bytes[end] ?? 0) > SPACE) end++;
  return DEFINING.has(Buffer.from(bytes.subarray(at, end)).toString("latin1"));
}
