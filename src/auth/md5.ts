/** PostgreSQL's md5 login: a hash of the password and the user, hashed again with the server's salt. */
import { createHash } from "node:crypto";
import { Hidden } from "./hidden.ts";
import { sameBytes } from "./scram/index.ts";
import type { Secret } from "./secret.ts";

/** Length of the salt in AuthenticationMD5Password. */
export const MD5_SALT_BYTES = 4;

/** What PostgreSQL stores: `md5` and 32 hexadecimal digits. */
export function md5Hash(user: string, password: Hidden<string>): Hidden<string> {
  return new Hidden(`md5${hexDigest(password.reveal() + user)}`);
}

/**
 * What a client sends: from a plain password or from a stored hash. Undefined for a secret that is
 * neither, with which there is no md5 login.
 */
export function md5Response(
  user: string,
  secret: Secret | undefined,
  salt: Uint8Array,
): Hidden<string> | undefined {
  if (secret === undefined || secret.kind === "scram") return undefined;
  const hash = secret.kind === "md5" ? secret.hash : md5Hash(user, secret.password);
  return new Hidden(`md5${hexDigest(hash.reveal().slice("md5".length), salt)}`);
}

/** Whether a client's response is right. False, in about the same time, if there is no secret for md5. */
export function checkMd5Response(
  response: string,
  user: string,
  secret: Secret | undefined,
  salt: Uint8Array,
): boolean {
  const expected = md5Response(user, secret, salt);
  const compared = expected ?? md5Response(user, MOCK, salt);
  const isSame = sameBytes(Buffer.from(response), Buffer.from(compared?.reveal() ?? ""));
  return isSame && expected !== undefined;
}

const MOCK: Secret = { kind: "plain", password: new Hidden("mock") };

function hexDigest(text: string, salt: Uint8Array = new Uint8Array()): string {
  return createHash("md5").update(text, "utf8").update(salt).digest("hex");
}
