/** Connections to database servers, and who waits for one, as administration sees them. */

export type BackendState =
  "connecting" | "idle" | "active" | "inTransaction" | "kept" | "tended" | "retiring";

export interface BackendView {
  readonly group: string;
  readonly block: string;
  /** "" while it is dialled, as is the next. */
  readonly serverAddress: string;
  readonly localAddress: string;
  /** Of the server; undefined if it is not known. */
  readonly processId: number | undefined;
  readonly user: string;
  readonly database: string;
  readonly state: BackendState;
  readonly transactionStatus: "idle" | "inTransaction" | "failed" | undefined;
  /** Why its session keeps it; undefined if it does not. */
  readonly pinReason: string | undefined;
  readonly sessionIds: readonly string[];
  readonly ageMs: number;
  readonly idleMs: number;
  readonly uses: number;
  readonly isEncrypted: boolean;
  /** It is replaced as soon as nobody uses it. */
  readonly isCondemned: boolean;
}

export interface WaiterView {
  readonly group: string;
  readonly block: string;
  /** "" for one that is no session's, or not any more. */
  readonly sessionId: string;
  readonly clientAddress: string;
  readonly user: string;
  readonly database: string;
  readonly waitedMs: number;
  /** In the line of its user and database: 1 is the next one. */
  readonly place: number;
}
