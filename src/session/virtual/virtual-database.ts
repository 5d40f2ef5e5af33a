/** What a database has to do that the gateway itself is. Built by gateway/, asked by every session. */
import type { AuthenticatorOptions } from "../../auth/index.ts";

export interface VirtualDatabase {
  /** False while nobody at all can be let in: then no client is looked at. */
  readonly isOpen: boolean;
  /** Whether a database that a client names is this one. */
  isNamed(database: string): boolean;
  /** Undefined: it is not for this client, who goes on to the server. */
  admit(login: VirtualLogin): VirtualAdmission | undefined;
}

/** A client that asks for it. */
export interface VirtualLogin {
  readonly user: string;
  readonly database: string;
  /** Without the port; undefined over a unix socket. */
  readonly host: string | undefined;
  readonly isEncrypted: boolean;
  /** Names in its certificate, which has been verified; undefined without one. */
  readonly certificateNames: readonly string[] | undefined;
  /** It is a process of the gateway's own system user. Asked of the system when it is read. */
  readonly isOwnUser: boolean;
}

export interface VirtualAdmission {
  /** How the client has to prove itself; undefined: it has, by where it comes from. */
  readonly login: AuthenticatorOptions | undefined;
  /** How long to hold the result of the login back, in ms, because of earlier failures; it is counted there. */
  holdMs(isAccepted: boolean, nowMs: number): number;
  /** The client is in. Rejects when it cannot be served. */
  converse(client: VirtualClient): Promise<VirtualConversation>;
}

/** The client, for whoever answers it. */
export interface VirtualClient {
  readonly address: string;
  /** As the StartupMessage has it, until the conversation knows better. */
  readonly applicationName: string | undefined;
  /** Messages of a server, whole ones. */
  send(messages: Uint8Array): void;
}

/** What is said with one client, message by message. */
export interface VirtualConversation {
  /** ParameterStatus messages, for the end of the login. */
  readonly greeting: Uint8Array;
  /** As ReadyForQuery has told it last. */
  readonly transactionStatus: number;
  readonly applicationName: string | undefined;
  /**
   * Answers one whole message; the next one comes when that is done. A rejection ends the session with its
   * error.
   */
  receive(message: Uint8Array): Promise<void>;
  /** What is being waited for is given up, and the client told so. */
  cancel(): void;
}
