/** SASLprep, the way PostgreSQL applies it. */
import type * as Saslprep from "@mongodb-js/saslprep";

/**
 * The bytes of a password that go into the derivation of SCRAM keys. A password that SASLprep (RFC 4013)
 * refuses is used as it is: PostgreSQL does so, and passwords of old must go on working.
 */
export function normalizePassword(password: string): Buffer {
  const isAscii = /^[\x20-\x7e]*$/.test(password);
  return Buffer.from(isAscii ? password : (prepared(password) ?? password), "utf8");
}

function prepared(password: string): string | undefined {
  try {
    // PostgreSQL does not let a password become empty either (pg_saslprep).
    const { saslprep } = require("@mongodb-js/saslprep") as typeof Saslprep;
    return saslprep(password) || undefined;
  } catch {
    return undefined; // a prohibited or unassigned character, or mixed directions
  }
}
