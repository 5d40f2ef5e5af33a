/**
 * What a PostgreSQL session is doing, as far as its time limits go, and the timer for it.
 *
 *   login              until the first ReadyForQuery              startupTimeout
 *   query              the server owes an answer                  queryTimeout, from the head's turn
 *   cancelling         its query ran too long and was cancelled   CANCEL_GRACE_MS
 *   handling           a handler has a request or an answer, or a
 *                      request waits for the end of a cancelling  none: these have their own
 *   idleInTransaction  it is the client's turn, in a transaction,
 *                      a batch without Sync, a COPY, or a message
 *                      that a shared server has a part of         idleInTransactionTimeout
 *   idle               it is the client's turn                    idleTimeout
 *
 * A client in the middle of a message has its turn as long as it goes on with it. While the server is
 * not read from, the time that it may take stands still.
 */
import type { ErrorCode } from "../errors.ts";
import type { Deadline, TimerWheel } from "../net/index.ts";
import type { AnswerLedger } from "../postgres/index.ts";
import type { SessionContext, SessionLimits } from "./session-context.ts";

type Phase = LimitedPhase | "handling";
export type LimitedPhase = "login" | "query" | "cancelling" | "idleInTransaction" | "idle";

/** Why the time of a phase that is up ends the session; a query is cancelled first. */
export const EXPIRED = {
  login: "ERR_STARTUP_TIMEOUT",
  cancelling: "ERR_QUERY_TIMEOUT",
  idleInTransaction: "ERR_IDLE_IN_TRANSACTION_TIMEOUT",
  idle: "ERR_IDLE_TIMEOUT",
} as const satisfies Record<Exclude<LimitedPhase, "query">, ErrorCode>;

/** How long a cancelled query may take to end. */
const CANCEL_GRACE_MS = 5_000;

/** The traffic whose time is limited. */
export interface PhaseTraffic {
  readonly ledger: AnswerLedger;
  /** The client is in the middle of a message. */
  readonly isReceiving: boolean;
  /** A handler has a request or an answer, or a request is held for other reasons. */
  readonly isHandling: boolean;
  /** What the server says is not read at the moment. */
  readonly isServerPaused: boolean;
  /** A server that others could use waits for the rest of the client's message. */
  readonly isKeepingServer?: boolean;
}

export class SessionPhase {
  readonly #traffic: PhaseTraffic;
  readonly #ledger: AnswerLedger;
  readonly #context: Pick<SessionContext, "limits">;
  readonly #timers: TimerWheel;
  readonly #deadline: Deadline;
  /** With no limit set there is nothing to follow once the login is done. */
  #isFollowed: boolean;
  #phase: Phase;
  #cycles: number;
  /** The server is paused: what is left of its time, if that is limited. */
  #suspendedMs: number | undefined;

  /** Once the login is done there is something to follow. */
  static #isNeeded(limits: SessionLimits): boolean {
    return limits.idleTimeoutMs + limits.idleInTransactionTimeoutMs + limits.queryTimeoutMs > 0;
  }

  /**
   * @param context whose limits are read whenever a phase begins
   * @param onExpire called with the phase whose time is up
   * @param idleUntilMs when the client's idle time is up, if that has begun already
   */
  constructor(
    traffic: PhaseTraffic,
    context: Pick<SessionContext, "limits">,
    timers: TimerWheel,
    onExpire: (phase: LimitedPhase) => void,
    idleUntilMs?: number,
  ) {
    this.#traffic = traffic;
    this.#ledger = traffic.ledger;
    this.#phase = traffic.ledger.isLoggedIn ? "idle" : "login";
    this.#cycles = traffic.ledger.cycles;
    this.#context = context;
    this.#timers = timers;
    this.#isFollowed = SessionPhase.#isNeeded(context.limits);
    this.#deadline = timers.deadline(() => {
      const expired = this.#phase;
      if (expired === "handling") return;
      if (expired === "query") this.#enter("cancelling");
      onExpire(expired);
    });
    if (idleUntilMs === undefined) this.#arm();
    else this.#deadline.setAt(idleUntilMs);
  }

  /** Of a client that is logged in; undefined where no time is limited. */
  static ifNeeded(
    ...[traffic, context, ...others]: ConstructorParameters<typeof SessionPhase>
  ): SessionPhase | undefined {
    if (!SessionPhase.#isNeeded(context.limits)) return undefined;
    return new SessionPhase(traffic, context, ...others);
  }

  /** Nothing goes on whose time is limited otherwise. */
  get isIdle(): boolean {
    return this.#phase === "idle" || !this.isTimed;
  }

  /** When the time of the phase is up; undefined while it is not limited. */
  get untilMs(): number | undefined {
    return this.#deadline.isSet ? this.#deadline.atMs : undefined;
  }

  /** Traffic can change anything: not once the login is done, with no limit set. */
  get isTimed(): boolean {
    return this.#isFollowed || this.#phase === "login";
  }

  /** Call after every piece of traffic, while {@link isTimed}. */
  follow(): void {
    if (!this.isTimed) return;
    const phase = this.#now();
    const isNextHead = this.#cycles !== this.#ledger.cycles;
    this.#cycles = this.#ledger.cycles;
    if (this.#phase === "cancelling" && phase === "query" && !isNextHead) {
      this.#suspendOrResume();
      return;
    }
    const isMovedOn =
      phase === "idleInTransaction" || (phase === "idle" && this.#traffic.isReceiving);
    if (phase !== this.#phase || isMovedOn || isNextHead) this.#enter(phase);
    this.#suspendOrResume();
  }

  /** The server begins only now with what is asked of it: its time counts from here. */
  restart(): void {
    if (this.#isServersTurn) this.#enter("query");
  }

  /** Other limits: the time of what goes on is limited anew, from now. */
  limitsChanged(): void {
    this.#isFollowed = SessionPhase.#isNeeded(this.#context.limits);
    if (this.#phase === "cancelling") return;
    this.#enter(this.#now());
    this.#suspendOrResume();
  }

  dispose(): void {
    this.#deadline.dispose();
  }

  #now(): Phase {
    const ledger = this.#ledger;
    if (!ledger.isLoggedIn) return "login";
    if (ledger.owesAnswer) return "query";
    if (this.#traffic.isHandling) return "handling";
    if (ledger.isInTransaction || !ledger.isIdle) return "idleInTransaction";
    return this.#traffic.isKeepingServer === true ? "idleInTransaction" : "idle";
  }

  #suspendOrResume(): void {
    const { isServerPaused } = this.#traffic;
    if (!isServerPaused && this.#suspendedMs !== undefined) {
      this.#deadline.set(this.#suspendedMs);
      this.#suspendedMs = undefined;
    } else if (isServerPaused && this.#isServersTurn && this.#deadline.isSet) {
      this.#suspendedMs = Math.max(0, this.#deadline.atMs - this.#timers.clock.now());
      this.#deadline.clear();
    }
  }

  get #isServersTurn(): boolean {
    return this.#phase === "query" || this.#phase === "cancelling";
  }

  #enter(phase: Phase): void {
    this.#phase = phase;
    this.#suspendedMs = undefined;
    this.#arm();
  }

  #arm(): void {
    const limitMs = this.#limitMs();
    if (limitMs > 0) this.#deadline.set(limitMs);
    else if (this.#isFollowed) this.#deadline.clear();
    else this.#deadline.dispose();
  }

  #limitMs(): number {
    switch (this.#phase) {
      case "handling":
        return 0;
      case "login":
        return this.#context.limits.startupTimeoutMs;
      case "query":
        return this.#context.limits.queryTimeoutMs;
      case "cancelling":
        return CANCEL_GRACE_MS;
      case "idleInTransaction":
        return this.#context.limits.idleInTransactionTimeoutMs;
      case "idle":
        return this.#context.limits.idleTimeoutMs;
    }
  }
}
