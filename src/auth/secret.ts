/** What is stored of a user's password. */
import { Hidden } from "./hidden.ts";
import { parseVerifier, type ScramVerifier } from "./scram/index.ts";

/** A stored password in one of PostgreSQL's forms. None of its parts prints. */
export type Secret =
  | { readonly kind: "plain"; readonly password: Hidden<string> }
  /** `md5` and 32 hexadecimal digits, made of the password and the user's name. */
  | { readonly kind: "md5"; readonly hash: Hidden<string> }
  | { readonly kind: "scram"; readonly verifier: Hidden<ScramVerifier> };

const MD5_HASH = /^md5[0-9a-f]{32}$/;

/** What begins so is meant to be a verifier: taking a mistyped one for a password would help nobody. */
const VERIFIER_PREFIX = "SCRAM-SHA-256$";

/**
 * Tells what a stored text is, by PostgreSQL's rules (get_password_type).
 * Undefined if it is empty, or begins like a SCRAM verifier and is not one.
 */
export function parseSecret(text: string): Secret | undefined {
  if (text === "") return undefined;
  if (MD5_HASH.test(text)) return { kind: "md5", hash: new Hidden(text) };
  const verifier = parseVerifier(text);
  if (verifier !== undefined) return { kind: "scram", verifier: new Hidden(verifier) };
  if (text.startsWith(VERIFIER_PREFIX)) return undefined;
  return { kind: "plain", password: new Hidden(text) };
}
