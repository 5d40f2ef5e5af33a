/** What a plugin that logs clients in says to them; the dialogue is in the PostgreSQL manual, 54.2.1. */
import { BackendWriter, TransactionStatus, readyForQuery } from "../postgres/index.ts";

/** Asks for the password as it is. */
export function authenticationCleartextPassword(): Uint8Array {
  return new BackendWriter().authenticationCleartextPassword().take();
}

/**
 * Asks for the password hashed with these four bytes, which must be random.
 * @throws TypeError when they are not four
 */
export function authenticationMd5Password(salt: Uint8Array): Uint8Array {
  if (salt.length !== 4) throw new TypeError(`a salt of ${salt.length} bytes, and not of 4`);
  return new BackendWriter().authenticationMd5Password(salt).take();
}

/** Offers SASL mechanisms, such as `SCRAM-SHA-256`, the preferred one first. */
export function authenticationSasl(mechanisms: readonly string[]): Uint8Array {
  return new BackendWriter().authenticationSasl(mechanisms).take();
}

/** The mechanism's next words to the client. */
export function authenticationSaslContinue(data: Uint8Array): Uint8Array {
  return new BackendWriter().authenticationSaslContinue(data).take();
}

/** The mechanism's last words to the client, before {@link authenticationOk}. */
export function authenticationSaslFinal(data: Uint8Array): Uint8Array {
  return new BackendWriter().authenticationSaslFinal(data).take();
}

/**
 * Lets the client in: AuthenticationOk, what a server tells of itself, and ReadyForQuery.
 *
 * @param options.parameters more of what ParameterStatus tells; `client_encoding` is `UTF8` unless it is here
 * @param options.processId with `secretKey`, what the client would cancel by; left out, it can cancel nothing
 */
export function authenticationOk(options: {
  readonly serverVersion: string;
  readonly parameters?: Readonly<Record<string, string>>;
  readonly processId?: number;
  readonly secretKey?: Uint8Array;
}): Uint8Array {
  const { serverVersion, parameters = {}, processId, secretKey } = options;
  const writer = new BackendWriter().authenticationOk();
  const told = { server_version: serverVersion, client_encoding: "UTF8", ...parameters };
  for (const [name, value] of Object.entries(told)) writer.parameterStatus(name, value);
  if (processId !== undefined && secretKey !== undefined) {
    writer.backendKeyData({ processId, secretKey });
  }
  return Buffer.concat([writer.bytes, readyForQuery(TransactionStatus.Idle)]);
}
