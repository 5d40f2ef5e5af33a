import type { ErrorCode } from "../errors.ts";
import type { ByteMeter } from "./byte-meter.ts";
import type { WatchedUnit } from "./watched-unit.ts";

/** The texts of the W3C's Trace Context. */
export interface StartupTrace {
  readonly traceparent: string;
  readonly tracestate: string | undefined;
}

/**
 * The connection of one client: one object for its life, so that a WeakMap keyed by it holds what a watcher wants
 * to remember of it. What is not known yet, or never will be, is undefined.
 */
export interface WatchedSession {
  /** No other session of this process has it, now or later. */
  readonly id: string;
  readonly user: string | undefined;
  readonly database: string | undefined;
  readonly applicationName: string | undefined;
  /** What its client says at the startup of the trace it is part of; undefined as well where nobody traces. */
  readonly startupTrace?: StartupTrace | undefined;
  /** The one that its work is done by. */
  readonly block: string | undefined;
}

/** Its address is asked for only when it is looked at; behind a load balancer it is known a little later. */
export interface WatchedClient {
  readonly remoteAddress: string;
}

/**
 * Is told of the sessions of one group. Every call is made where the event happens, most of them amid traffic: it
 * must be quick, and must not throw. Times are milliseconds on the clock of the gateway's timers.
 */
export interface GroupWatch {
  /** A client was accepted. */
  opened(session: WatchedSession, client: WatchedClient): void;
  /** It has gone, or never was one: it only wanted to cancel. Always the last that is heard of it. */
  closed(session: WatchedSession, openMs: number): void;
  /** It could not be served, and was told why if it could hear that. */
  refused(session: WatchedSession, code: ErrorCode): void;
  /** It had been logged in, and was ended by the gateway. */
  ended(session: WatchedSession, code: ErrorCode): void;
  /** A handler has ended a request or an answer of it. */
  terminated(session: WatchedSession): void;
  /** The same object each time. */
  block(name: string): BlockWatch;
}

/** Is told of the sessions whose work is done by one block. */
export interface BlockWatch {
  /** Of all connections to clients, and to servers; undefined: nobody counts. */
  readonly clientMeter: ByteMeter | undefined;
  readonly serverMeter: ByteMeter | undefined;
  /** @param tookMs since its StartupMessage came */
  loggedIn(session: WatchedSession, tookMs: number): void;
  /**
   * A session has got the backend that it asked for, or will get none.
   * @param waitedMs 0 when it was there at once
   * @param failure why there is none
   */
  waited(session: WatchedSession, waitedMs: number, failure: ErrorCode | undefined): void;
  /** It keeps its backend from now on. */
  pinned(session: WatchedSession, reason: string): void;
  /** A request to cancel goes to the server. */
  cancelSent(): void;
  /** A client gets an ErrorResponse of the server, or of the gateway in its place. */
  failed(session: WatchedSession, sqlState: string): void;
  /**
   * Something is asked of the server, or waits to be: the first time that is known. Always followed by one
   * `unitEnded`, with the same object, which serves for the next unit of the session then.
   *
   * @returns what it asks and what becomes of it will be looked at: {@link WatchedUnit.request},
   *   {@link WatchedUnit.text} and {@link WatchedUnit.commandTag} are there until it has ended. Else they are
   *   there during this call alone, so that a unit that nobody looks at costs nothing.
   */
  unitBegan(unit: WatchedUnit): boolean;
  /** @param tookMs since it began, or, if it was sent behind others, since those were answered */
  unitEnded(unit: WatchedUnit, tookMs: number): void;
}

/** One of those who hear what a {@link GroupWatch} is told: what it has no method for it does not want to hear. */
export type GroupListener = Partial<Omit<GroupWatch, "block">> & {
  /** The same object each time. */
  block(name: string): BlockListener;
};

/** The same for a {@link BlockWatch}. */
export type BlockListener = Partial<BlockWatch>;
