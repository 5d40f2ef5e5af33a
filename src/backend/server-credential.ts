/** What proves to a server who we are, and which methods of logging in it serves. */
import { md5Response } from "../auth/index.ts";
import type { Hidden, ScramCredential } from "../auth/index.ts";
import type { Authentication } from "../postgres/index.ts";

export type ServerCredential =
  /** A password serves every method, keys from a client's proof serve SCRAM. */
  | ScramCredential
  /** `md5` and 32 hexadecimal digits, as PostgreSQL stores it: serves md5. */
  | { readonly kind: "md5"; readonly hash: Hidden<string> };

/** Undefined if the password itself is not known. */
export function cleartextOf(credential: ServerCredential): string | undefined {
  return credential.kind === "password" ? credential.password.reveal() : undefined;
}

/** The answer to AuthenticationMD5Password; undefined if there is none. */
export function md5AnswerOf(
  credential: ServerCredential,
  user: string,
  salt: Uint8Array,
): string | undefined {
  if (credential.kind === "keys") return undefined;
  const { kind } = credential;
  const secret = kind === "md5" ? credential : { ...credential, kind: "plain" as const };
  return md5Response(user, secret, salt)?.reveal();
}

/** Undefined if it does not serve SCRAM. */
export function scramCredentialOf(credential: ServerCredential): ScramCredential | undefined {
  return credential.kind === "md5" ? undefined : credential;
}

/** For messages: says what there is, and nothing of what is in it. */
export function credentialName(credential: ServerCredential): string {
  return CREDENTIAL_NAMES[credential.kind];
}

const CREDENTIAL_NAMES = {
  password: "a password",
  keys: "the SCRAM keys of a client",
  md5: "an md5 hash",
} as const satisfies Record<ServerCredential["kind"], string>;

/** For messages: the method an Authentication message belongs to. */
export function methodName(request: Authentication): string {
  switch (request.kind) {
    case "kerberosV5":
      return "Kerberos V5";
    case "gss":
    case "gssContinue":
      return "GSSAPI";
    case "sspi":
      return "SSPI";
    case "cleartextPassword":
      return "cleartext";
    case "md5Password":
      return "md5";
    case "unknown":
      return `authentication method ${request.code}`;
    default:
      return "SCRAM-SHA-256";
  }
}
