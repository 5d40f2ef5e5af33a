/** Checks a password that came in clear text. */
import type { Hidden } from "./hidden.ts";
import { md5Hash } from "./md5.ts";
import { deriveKeys, sameBytes, type ScramVerifier, sha256 } from "./scram/index.ts";
import type { Secret } from "./secret.ts";

/** Whether a password is the one that is stored, in whatever form it is stored. */
export async function checkPassword(
  password: Hidden<string>,
  user: string,
  secret: Secret,
): Promise<boolean> {
  switch (secret.kind) {
    case "plain":
      return sameText(password.reveal(), secret.password.reveal());
    case "md5":
      return sameText(md5Hash(user, password).reveal(), secret.hash.reveal());
    case "scram":
      return await matches(password, secret.verifier.reveal());
  }
}

/** Derived without a cache: what strangers send as passwords must not push out the users' keys. */
async function matches(password: Hidden<string>, verifier: ScramVerifier): Promise<boolean> {
  const keys = await deriveKeys(password, verifier.salt, verifier.iterations);
  return sameBytes(sha256(keys.clientKey), verifier.storedKey);
}

/** Compared by their hashes, so that not even the length shows. */
function sameText(left: string, right: string): boolean {
  return sameBytes(sha256(Buffer.from(left)), sha256(Buffer.from(right)));
}
