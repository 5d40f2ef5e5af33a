import type { WatchedSession } from "./session-watch.ts";

/** By its first message. */
export type UnitKind = "query" | "extended" | "function";

/** One unit of a session, from its begin to its end. To be read within the calls that it is given to only. */
export interface WatchedUnit {
  readonly session: WatchedSession;
  readonly clientAddress: string;
  /** Address of the server that has it; "" while there is none. */
  readonly serverAddress: string;
  readonly beganMs: number;
  /** How much of that was spent waiting for a backend. */
  readonly waitedMs: number;
  readonly kind: UnitKind;
  /**
   * What is asked, as the client wrote it. Of a batch its first statement, but for a BEGIN. Undefined for a statement whose text has not
   * passed here, and where nobody wanted to look, see {@link BlockWatch.unitBegan}. Of prepared statements it is the
   * same string each time; else it is made anew at each look.
   */
  readonly text: string | undefined;
  /** The messages that it began with; undefined where nobody wanted to look. Not to be kept or changed. */
  readonly request: Uint8Array | undefined;
  /** How much the client has sent and was sent, while it was under way. */
  readonly requestBytes: number;
  readonly answerBytes: number;
  /** Of its last command, like `SELECT 1`; undefined if there is none, and where nobody wanted to look. */
  readonly commandTag: string | undefined;
  /** The number that tag ends with, 0 without one: read without making a text of it. Undefined like the tag. */
  readonly rows: number | undefined;
  /** Of its last error; undefined without one. */
  readonly sqlState: string | undefined;
  /** As ReadyForQuery says: `I`, `T` or `E` as a byte; 0 when none has come: the unit was cut off. */
  readonly transactionStatus: number;
  /** It was sent to a backend that had units of other sessions to answer. */
  readonly isMultiplexed: boolean;
  /** Named statements of it that its backend had already, and that had to be prepared there first. */
  readonly preparedHits: number;
  readonly preparedMisses: number;
  /** Why the session keeps its backend; undefined if it does not. */
  readonly pinReason: string | undefined;
  /** Of the trace that it is recorded in. Whoever records sets it, while he is told that it has begun. */
  traceId: string | undefined;
}
