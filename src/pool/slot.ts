/** A backend's place in a shared pool, from its login to its end. */
import type { PairLane } from "./pair-lane.ts";
import type { SharedBackend } from "./shared-pool-options.ts";

/**
 *   withheld --offered--> leased or idle      (just logged in, or answered a ping)
 *   idle     --leased-->  leased
 *            --pinged-->  withheld
 *   leased   --released-> leased (by the oldest waiter) or idle
 *   any      --retired or lost--> gone
 */
export type SlotState = "withheld" | "idle" | "leased" | "gone";

/** What becomes of it when it is given back: `expired` ones go one after the other. */
export type SlotFate = "stays" | "expired" | "condemned";

/**
 * How a session gives a backend back: fit for anybody, not to be used any more, or closed by the server,
 * which may be about to close others.
 */
export type LeaseOutcome = "clean" | "broken" | "lost";

export class Slot<B extends SharedBackend> {
  readonly backend: B;
  readonly lane: PairLane<B>;
  state: SlotState = "withheld";
  fate: SlotFate = "stays";
  /** A session used it, and gave it back as good as new. */
  hasServed = false;
  idleSinceMs = 0;
  /** How often a session got it, alone or together with others. */
  uses = 0;
  /** When it last gave a sign of life. */
  provedAtMs: number;
  /** When it has reached `maxLifetime`; Infinity when there is no such thing. */
  expiresAtMs: number;
  /** What its backend is watched with; made once. */
  readonly onLost: () => void;

  constructor(lane: PairLane<B>, backend: B, nowMs: number, expiresAtMs: number) {
    this.lane = lane;
    this.backend = backend;
    this.provedAtMs = nowMs;
    this.expiresAtMs = expiresAtMs;
    this.onLost = () => lane.lost(this);
  }

  /** The session that leased it needs it no more; harmless when it was given back already. */
  release(outcome: LeaseOutcome): void {
    this.lane.release(this, outcome);
  }
}
