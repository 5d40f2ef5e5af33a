/** What the sessions of one group share. Built by gateway/, read by every session. */
import type { Logger } from "../logging/index.ts";
import type { ServerTlsOptions, TimerWheel } from "../net/index.ts";
import type { BlockRouter } from "../pool/index.ts";
import type { CancelKeys } from "./cancel-keys.ts";
import type { Pooling } from "./pooled/index.ts";
import type { GroupWatch, TraceIdOf } from "../watch/index.ts";
import type { SessionHooks } from "./session-hooks.ts";
import type { VirtualDatabase } from "./virtual/index.ts";

/** 0 = no limit, for every time. */
export interface SessionLimits {
  /** From accept to the end of the login, without the time in the queue. */
  readonly startupTimeoutMs: number;
  readonly handshakeTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
  readonly queryTimeoutMs: number;
  /** Longest message a client may send, header included. */
  readonly maxMessageBytes: number;
  /** A client with more unanswered requests is not read from until answers came. */
  readonly maxPendingUnits: number;
}

export type ClientTlsMode = "disable" | "allow" | "require" | "verify-ca" | "verify-full";

/** How the group encrypts its clients' connections. */
export interface ClientTls {
  readonly mode: ClientTlsMode;
  /** Read at each handshake, so that renewed certificates need no restart. */
  readonly current: () => ServerTlsOptions;
}

/**
 * What a session counts as: a client, one too many that may only be told so, or a cancel request.
 */
export type Admission = "admitted" | "overLimit" | "exempt";

/**
 * Says how many may come. Asked, never owned, by the data half: later several processes share one.
 */
export interface Budget {
  /**
   * `admitted` counts until `release`; `overLimit` may only be told so, from a small reserve, and
   * counts there until `release`; `refused` is to be cut off at once and counts nowhere.
   */
  admit(): "admitted" | "overLimit" | "refused";
  /**
   * It is no client but a cancel request: from now on it is not among the `maxConnections`, and only
   * its socket counts. The answer takes the place of what `admit` said.
   */
  exempt(admission: Admission): Admission;
  release(admission: Admission): void;
}

export interface SessionContext {
  readonly group: string;
  readonly protocol: "postgres" | "raw";
  readonly proxyProtocol: "off" | "optional" | "required";
  readonly limits: SessionLimits;
  readonly tls: ClientTls;
  readonly hooks: SessionHooks;
  /** Where passthrough and raw sessions get their backends; without blocks in a pooled group. */
  readonly router: BlockRouter;
  /** What a pooled group has in its place. */
  readonly pooling: Pooling | undefined;
  /** A database that the gateway itself is; undefined: there is none. */
  readonly virtual?: VirtualDatabase | undefined;
  readonly cancelKeys: CancelKeys;
  readonly budget: Budget;
  /** Undefined when nobody watches. */
  readonly watch?: GroupWatch | undefined;
  /** For the log; undefined when nothing is traced. */
  readonly traceIdOf?: TraceIdOf | undefined;
  readonly timers: TimerWheel;
  readonly logger: Logger;
}
