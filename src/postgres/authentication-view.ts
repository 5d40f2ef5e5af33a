/** What an Authentication message asks of a client (PostgreSQL manual, 54.7: Authentication...). */
import { MessageReader } from "./message-reader.ts";
import { BackendTag } from "./message-types.ts";

/** The number that tells one Authentication message from another. */
export const AuthenticationCode = {
  Ok: 0,
  KerberosV5: 2,
  CleartextPassword: 3,
  Md5Password: 5,
  Gss: 7,
  GssContinue: 8,
  Sspi: 9,
  Sasl: 10,
  SaslContinue: 11,
  SaslFinal: 12,
} as const;

/** Bytes that are hashed with an md5 password. */
const MD5_SALT_BYTES = 4;

export type Authentication =
  | { readonly kind: "ok" | "kerberosV5" | "cleartextPassword" | "gss" | "sspi" }
  | { readonly kind: "md5Password"; readonly salt: Uint8Array }
  /** The names of the mechanisms, in the order the server prefers. */
  | { readonly kind: "sasl"; readonly mechanisms: readonly string[] }
  | { readonly kind: "gssContinue" | "saslContinue" | "saslFinal"; readonly data: Uint8Array }
  /** A code that the manual does not know. */
  | { readonly kind: "unknown"; readonly code: number; readonly data: Uint8Array };

/**
 * Reads one whole message from its tag on; salt and data are parts of it, not copies.
 * @throws GatewayError ERR_PROTOCOL_VIOLATION, which names the field
 */
export function readAuthentication(message: Uint8Array): Authentication {
  const reader = new MessageReader(message, BackendTag.Authentication, "Authentication");
  const authentication = readKind(reader, reader.int32("code"));
  reader.end();
  return authentication;
}

function readKind(reader: MessageReader, code: number): Authentication {
  switch (code) {
    case AuthenticationCode.Ok:
      return { kind: "ok" };
    case AuthenticationCode.KerberosV5:
      return { kind: "kerberosV5" };
    case AuthenticationCode.CleartextPassword:
      return { kind: "cleartextPassword" };
    case AuthenticationCode.Md5Password:
      return { kind: "md5Password", salt: reader.bytes(MD5_SALT_BYTES, "salt") };
    case AuthenticationCode.Gss:
      return { kind: "gss" };
    case AuthenticationCode.GssContinue:
      return { kind: "gssContinue", data: reader.rest() };
    case AuthenticationCode.Sspi:
      return { kind: "sspi" };
    case AuthenticationCode.Sasl:
      return { kind: "sasl", mechanisms: readMechanisms(reader) };
    case AuthenticationCode.SaslContinue:
      return { kind: "saslContinue", data: reader.rest() };
    case AuthenticationCode.SaslFinal:
      return { kind: "saslFinal", data: reader.rest() };
    default:
      return { kind: "unknown", code, data: reader.rest() };
  }
}

/** An empty name ends the list. */
function readMechanisms(reader: MessageReader): string[] {
  const mechanisms: string[] = [];
  for (;;) {
    const mechanism = reader.string("mechanisms");
    if (mechanism === "") return mechanisms;
    mechanisms.push(mechanism);
  }
}
