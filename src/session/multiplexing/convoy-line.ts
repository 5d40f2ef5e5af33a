/** The convoys of one pair of user and database. */
import type { PooledBackend } from "../../backend/index.ts";
import type { Deadline, TimerWheel } from "../../net/index.ts";
import type { PairLane, Slot } from "../../pool/index.ts";
import { Convoy } from "./convoy.ts";
import type { ConvoyPort } from "./convoy.ts";
import type { Rider } from "./rider.ts";

export interface ConvoyLineOptions {
  /** Units under way on one backend at most. */
  readonly depth: number;
  readonly retriesReadOnly: boolean;
  readonly timers: TimerWheel;
  readonly cancel: (backend: PooledBackend) => Promise<void>;
}

/** How often is looked for slow heads. */
const LOOK_MS = 10;

/** Convoys with something to write once all that is at hand was read: it leaves in one call each. */
let unflushed: Convoy[] = [];

export class ConvoyLine implements ConvoyPort {
  readonly lane: PairLane<PooledBackend>;
  readonly #options: ConvoyLineOptions;
  readonly #timers: TimerWheel;
  readonly #cancel: (backend: PooledBackend) => Promise<void>;
  /** Those under way. */
  readonly #convoys: Convoy[] = [];
  /** Of each backend, made once. */
  readonly #ofSlot = new WeakMap<Slot<PooledBackend>, Convoy>();
  readonly #look: Deadline;

  /** @param options read whenever a unit comes */
  constructor(lane: PairLane<PooledBackend>, options: ConvoyLineOptions) {
    const { timers, cancel } = options;
    this.lane = lane;
    this.#options = options;
    this.#timers = timers;
    this.#cancel = cancel;
    this.#look = timers.deadline(() => this.#lookForSlowHeads());
  }

  get depth(): number {
    return this.#options.depth;
  }

  get retriesReadOnly(): boolean {
    return this.#options.retriesReadOnly;
  }

  /**
   * When all backends are in use and nobody waits for one: the shortest convoy that takes the rider;
   * undefined if none does.
   */
  find(rider: Rider): Convoy | undefined {
    if (this.#convoys.length === 0 || !this.lane.isBusy) return undefined;
    let shortest: Convoy | undefined;
    for (const convoy of this.#convoys) {
      if (shortest !== undefined && convoy.length >= shortest.length) continue;
      if (convoy.takes(rider)) shortest = convoy;
    }
    return shortest;
  }

  /** The one under way on a backend; or a new one, which then has to begin. */
  convoyOf(slot: Slot<PooledBackend>): Convoy {
    const known = this.#ofSlot.get(slot);
    if (known !== undefined) return known;
    const convoy = new Convoy(slot, this);
    this.#ofSlot.set(slot, convoy);
    return convoy;
  }

  now(): number {
    return this.#timers.clock.now();
  }

  after(delayMs: number, callback: () => void): Deadline {
    return this.#timers.after(delayMs, callback);
  }

  scheduleFlush(convoy: Convoy): void {
    if (unflushed.push(convoy) === 1) setImmediate(flushAll);
  }

  async cancel(backend: PooledBackend): Promise<void> {
    await this.#cancel(backend);
  }

  began(convoy: Convoy): void {
    this.#convoys.push(convoy);
    if (!this.#look.isSet) this.#look.set(LOOK_MS);
  }

  ended(convoy: Convoy): void {
    const place = this.#convoys.indexOf(convoy);
    const last = this.#convoys.pop();
    if (last !== undefined && last !== convoy) this.#convoys[place] = last;
    // Cleared, not disposed of: the next convoy is most often a moment away.
    if (this.#convoys.length === 0) this.#look.clear();
  }

  #lookForSlowHeads(): void {
    const nowMs = this.now();
    // A look may end one.
    for (const convoy of [...this.#convoys]) convoy.look(nowMs);
    if (this.#convoys.length > 0) this.#look.set(LOOK_MS);
  }
}

function flushAll(): void {
  const convoys = unflushed;
  unflushed = [];
  for (const convoy of convoys) convoy.flush();
}
