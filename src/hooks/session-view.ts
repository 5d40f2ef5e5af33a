/**
 * What a handler may know of the session that an event is of. One object for the life of a session, so
 * that a WeakMap keyed by it holds what a plugin wants to remember of a connection; its values change.
 * Each is undefined while it is not known: before the StartupMessage, before the login, and for good when
 * the protocol is not PostgreSQL's.
 */
export interface SessionView {
  /** No other session of this process has it, now or later. */
  readonly id: string;
  /** As the client has connected, or as handlers have changed it. */
  readonly user: string | undefined;
  readonly database: string | undefined;
  /** As the server has reported it last. */
  readonly applicationName: string | undefined;
  /** Of the last ReadyForQuery that the client was sent. */
  readonly transactionStatus: SessionTransactionStatus | undefined;
}

export type SessionTransactionStatus = "idle" | "inTransaction" | "failed";
