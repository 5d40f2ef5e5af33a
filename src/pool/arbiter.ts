/**
 * Gives room to the pairs that wait for it, by the rules of fair-share.ts: free places, the places of
 * idle backends, and now and then one that another pair could use itself.
 */
import type { Deadline } from "../net/index.ts";
import {
  PATIENCE_MS,
  REPLACEMENT_MS,
  claimantOf,
  mayCede,
  maySpare,
  neediestOf,
} from "./fair-share.ts";
import type { PairLane, Tally } from "./pair-lane.ts";
import type { SharedBackend, SharedPoolOptions } from "./shared-pool-options.ts";
import type { Slot } from "./slot.ts";

/** The pool, as its arbiter sees it. */
export interface ArbiterPort<B extends SharedBackend> {
  readonly options: SharedPoolOptions<B>;
  readonly tally: Tally;
  readonly slots: ReadonlySet<Slot<B>>;
  readonly lanes: () => Iterable<PairLane<B>>;
  /** Places without a backend. */
  readonly missing: () => number;
  /** Another backend may be dialled now. */
  readonly mayConnect: () => boolean;
  /** A backend that is given up can be had again at once. */
  readonly mayReplace: () => boolean;
  /** Places whose backend is on its way out, and that nobody was promised. */
  readonly unpromised: () => number;
  /** Promises one of them; false when there is none. */
  readonly promise: (lane: PairLane<B>) => boolean;
  readonly connect: (lane: PairLane<B>) => void;
  /** Closes a backend; its place goes to the lane. */
  readonly replace: (slot: Slot<B>, successor: PairLane<B>) => void;
}

export class Arbiter<B extends SharedBackend> {
  readonly #port: ArbiterPort<B>;
  /** The lanes with waiters. */
  readonly #waiting = new Set<PairLane<B>>();
  /** Looks after those who wait, again and again while somebody does. */
  readonly #round: Deadline;

  constructor(port: ArbiterPort<B>) {
    this.#port = port;
    this.#round = port.options.timers.deadline(() => this.#makeRound());
  }

  /** The lane that the next free place goes to. */
  get neediest(): PairLane<B> | undefined {
    return neediestOf(this.#waiting);
  }

  /** A lane has waiters. */
  waits(lane: PairLane<B>): void {
    this.#waiting.add(lane);
    if (!this.#round.isSet) {
      this.#round.set(this.#port.tally.idle > 0 ? REPLACEMENT_MS : PATIENCE_MS);
    }
  }

  /** A lane has no waiters any more. */
  relieved(lane: PairLane<B>): void {
    this.#waiting.delete(lane);
  }

  /** Gives all the room there is, and will be in a moment, to those who wait. */
  allot(): void {
    while (this.#waiting.size > 0 && this.#port.tally.isServing) {
      const isRoom = this.#port.missing() > 0;
      if (isRoom ? !this.#port.mayConnect() : !this.#isRoomToMake()) return;
      const lane = this.neediest;
      if (lane === undefined) return;
      if (isRoom) this.#port.connect(lane);
      else if (!this.#port.promise(lane) && !this.#replaceIdle(lane)) return;
    }
  }

  /** Takes a backend that its lane was asked to cede; false when nobody has a claim to it any more. */
  cede(slot: Slot<B>): boolean {
    const nowMs = this.#port.options.timers.clock.now();
    const claimant = this.#claimant(nowMs);
    const isCeded = claimant !== undefined && mayCedeTo(slot.lane, claimant, nowMs);
    if (isCeded) {
      claimant.gainedAtMs = nowMs;
      this.#port.replace(slot, claimant);
    }
    this.#settleClaims(nowMs);
    return isCeded;
  }

  close(): void {
    this.#round.dispose();
  }

  #claimant(nowMs: number): PairLane<B> | undefined {
    const { tally, options } = this.#port;
    // Nobody gives way while there are places, which is when they cannot be filled fast enough.
    const isFull = this.#port.missing() <= 0;
    if (!isFull || !this.#port.mayReplace() || !tally.isServing) return undefined;
    return claimantOf(this.#waiting, options.size, nowMs);
  }

  /** Satisfies claims from idle backends, and asks lanes for the next ones they would hand on. */
  #settleClaims(nowMs: number): void {
    let claimant = this.#claimant(nowMs);
    for (; claimant !== undefined; claimant = this.#claimant(nowMs)) {
      const to = claimant;
      const spare = this.#longestIdle((slot) => mayCedeTo(slot.lane, to, nowMs));
      if (spare === undefined) break;
      to.gainedAtMs = nowMs;
      this.#port.replace(spare, to);
    }
    for (const lane of this.#port.lanes()) {
      lane.isCeding = claimant !== undefined && mayCedeTo(lane, claimant, nowMs);
    }
  }

  #isRoomToMake(): boolean {
    return this.#port.unpromised() > 0 || (this.#port.tally.idle > 0 && this.#port.mayReplace());
  }

  /** Puts a backend for the lane in the place of an idle one; false when there is none to spare. */
  #replaceIdle(taker: PairLane<B>): boolean {
    if (!this.#port.mayReplace()) return false;
    const nowMs = this.#port.options.timers.clock.now();
    const spare = this.#longestIdle(
      ({ lane, idleSinceMs }) =>
        lane !== taker && maySpare(lane, nowMs - idleSinceMs, taker, nowMs),
    );
    if (spare === undefined) return false;
    this.#port.replace(spare, taker);
    return true;
  }

  #longestIdle(isFit: (slot: Slot<B>) => boolean): Slot<B> | undefined {
    if (this.#port.tally.idle === 0) return undefined;
    let longest: Slot<B> | undefined;
    for (const slot of this.#port.slots) {
      if (slot.state !== "idle" || !isFit(slot)) continue;
      if (longest === undefined || slot.idleSinceMs < longest.idleSinceMs) longest = slot;
    }
    return longest;
  }

  #makeRound(): void {
    const { longWaitMs, timers } = this.#port.options;
    const nowMs = timers.clock.now();
    if (longWaitMs > 0) {
      for (const lane of this.#waiting) lane.tellLongWaiters(longWaitMs, nowMs);
    }
    this.#settleClaims(nowMs);
    this.allot();
    if (this.#waiting.size > 0) this.#round.set(this.#pauseMs(nowMs));
  }

  /** Until the next round: short while it may move something. */
  #pauseMs(nowMs: number): number {
    if (this.#port.tally.idle > 0) return REPLACEMENT_MS;
    let oldestSinceMs = nowMs;
    for (const lane of this.#waiting) oldestSinceMs = Math.min(oldestSinceMs, lane.oldestSinceMs);
    const untilImpatientMs = oldestSinceMs + PATIENCE_MS - nowMs;
    const isContended = this.#waiting.size > 1 || this.#isAnyElse();
    return isContended ? Math.max(REPLACEMENT_MS, untilImpatientMs) : PATIENCE_MS;
  }

  /** Lanes hold backends that wait for nobody. */
  #isAnyElse(): boolean {
    for (const lane of this.#port.lanes()) if (lane.slots > 0 && lane.waiting === 0) return true;
    return false;
  }
}

function mayCedeTo<B extends SharedBackend>(
  owner: PairLane<B>,
  claimant: PairLane<B>,
  nowMs: number,
): boolean {
  return owner !== claimant && owner.slots > 0 && mayCede(owner, claimant, nowMs);
}
