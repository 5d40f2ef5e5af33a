/**
 * The backends of one block in the pooled modes: `size` of them at most, shared by all pairs of user
 * and database.
 *
 * Every pair has a lane, with its idle backends and its waiters; sessions keep to theirs and lease
 * there. The pool decides what needs a view of all lanes: arbiter.ts which pair gets a place when there
 * is none for all, server-link.ts how fast backends are made, upkeep.ts which idle ones are closed,
 * replaced and pinged. slot.ts has the states of a backend.
 *
 * While the server cannot be reached, or takes nobody, a single probe goes on and clients wait. When it
 * refuses the login of one pair, the waiters of that pair are told, and nobody else.
 */
import { GatewayError } from "../errors.ts";
import { Arbiter } from "./arbiter.ts";
import type { ChoosablePool } from "./block-choice.ts";
import type { LeaseTicket, LeaseWaiter } from "./lease-ticket.ts";
import { PairLane, Tally } from "./pair-lane.ts";
import type { LaneKeeper } from "./pair-lane.ts";
import type { PooledServer, PoolWaiter } from "./pool-contents.ts";
import { ServerLink } from "./server-link.ts";
import type {
  Pair,
  SharedBackend,
  SharedPoolOptions,
  SharedPoolSettings,
  SharedPoolSnapshot,
} from "./shared-pool-options.ts";
import { serversOf, snapshotOf, waitersOf } from "./shared-pool-snapshot.ts";
import { Slot } from "./slot.ts";
import type { LeaseOutcome } from "./slot.ts";
import { Upkeep } from "./upkeep.ts";

/** A retired pool does not keep a backend longer than this for who may come back. */
const RETIRED_IDLE_MS = 1_000;

export class SharedPool<B extends SharedBackend> implements ChoosablePool<LeaseTicket<B>> {
  readonly name: string;
  /** The same object always: {@link reconfigure} changes what it says. */
  readonly options: SharedPoolOptions<B>;
  /** Those that have backends or waiters, or are warm. */
  readonly #lanes = new Map<string, PairLane<B>>();
  readonly #slots = new Set<Slot<B>>();
  readonly #tally = new Tally();
  readonly #link: ServerLink<B>;
  readonly #arbiter: Arbiter<B>;
  readonly #upkeep: Upkeep<B>;
  readonly #keeper: LaneKeeper<B>;
  /** Retired, and not let go by the server yet: the lane that gets the place of each, if any. */
  readonly #retiring = new Map<Slot<B>, PairLane<B> | undefined>();
  /** Of these, the ones without a lane. */
  #unpromised = 0;
  #isClosed = false;
  #isRetired = false;
  /** `onDead` was called, and `onLive` not since. */
  #isReportedDead = false;
  /** Called when backends can be had again after an outage. */
  onLive: (() => void) | undefined;
  /** Called when the pool has no backend, and none can be had: then, and whenever a client comes to wait. */
  onDead: (() => void) | undefined;
  /** A closed pool has let go of its last backend, and no login goes on. */
  readonly #emptied = Promise.withResolvers<void>();

  constructor(options: SharedPoolOptions<B>) {
    this.name = options.name;
    this.options = { ...options };
    this.#keeper = this.#createKeeper();
    this.#link = this.#createLink();
    this.#arbiter = this.#createArbiter();
    this.#upkeep = this.#createUpkeep();
  }

  /**
   * False while there is no backend, and either the last attempts to get one failed or were turned
   * away, or the server has just closed the ones there were.
   */
  get isLive(): boolean {
    return this.#link.isReached || this.#slots.size > 0;
  }

  /** The load a balancer compares: leased backends and clients waiting for one. */
  get leasedCount(): number {
    return this.#slots.size - this.#tally.idle + this.#tally.waiting;
  }

  /** The backends that nobody has at the moment. */
  get idleBackends(): readonly B[] {
    const idle = [...this.#slots].filter(({ state }) => state === "idle");
    return idle.map(({ backend }) => backend);
  }

  snapshot(): SharedPoolSnapshot {
    return snapshotOf(this.options, this.#lanes.values(), this.#slots, this.#upkeep.pings);
  }

  /** Those that are dialled are none yet. */
  servers(): readonly PooledServer<B>[] {
    return serversOf(this.#slots, this.#retiring.keys(), this.options.timers.clock.now());
  }

  waiters(): readonly PoolWaiter[] {
    return waitersOf(this.#lanes.values(), this.options.timers.clock.now());
  }

  /**
   * Where sessions of the pair lease. A session may keep it as long as it likes: the pool knows it only
   * while there is something in it.
   */
  lane(pair: Pair): PairLane<B> {
    return this.#lanes.get(keyOf(pair)) ?? new PairLane(pair, this.#keeper);
  }

  /**
   * Keeps `minSize` backends for this pair, together with the other warm ones; until the server refuses
   * its login.
   */
  warm(pair: Pair): void {
    if (this.#isClosed) return;
    this.#known(this.lane(pair)).isWarm = true;
    this.#advance();
  }

  /** Takes in a waiter of another pool, at its place in time. */
  lease(ticket: LeaseTicket<B>): void {
    if (ticket.lane !== undefined) this.lane(ticket.lane.pair).rejoin(ticket);
  }

  /** Empties the queues, for a move to other pools. */
  takeWaiters(): readonly LeaseTicket<B>[] {
    const tickets = [...this.#lanes.values()].flatMap((lane) => lane.takeWaiters());
    return tickets.toSorted((left, right) => left.sinceMs - right.sinceMs);
  }

  /** Between `pause` and `resume`. */
  get isPaused(): boolean {
    return !this.#tally.isServing && !this.#isClosed;
  }

  /** Leases nothing any more, and dials nothing, until `resume`. Who asks has to wait. */
  pause(): void {
    this.#tally.isServing = false;
  }

  resume(): void {
    if (this.#isClosed || this.#tally.isServing) return;
    this.#tally.isServing = true;
    for (const lane of [...this.#lanes.values()]) lane.serve();
    this.#advance();
  }

  /**
   * Other settings, from now on. When there are too many backends idle ones are closed now, leased ones as they are
   * given back. Pairs are not warm any more, until `warm` says so again.
   */
  reconfigure(settings: SharedPoolSettings): void {
    Object.assign(this.options, settings);
    for (const lane of [...this.#lanes.values()]) {
      lane.isWarm = false;
      lane.reconfigured();
    }
    // Longest idle first.
    const idle = [...this.#slots].filter(({ state }) => state === "idle");
    idle.sort((left, right) => left.idleSinceMs - right.idleSinceMs);
    this.#countExcess();
    for (const slot of idle.slice(0, this.#tally.excess)) this.#retire(slot);
    for (const lane of [...this.#lanes.values()]) this.#forgetIfEmpty(lane);
    this.#upkeep.reconfigured();
    this.#advance();
  }

  /**
   * No new clients come: who has still to do with it is served, and nothing is kept ready. When nobody has any more, it
   * holds nothing.
   */
  retire(): void {
    this.#isRetired = true;
    this.onLive = undefined;
    this.onDead = undefined;
    this.reconfigure({
      ...this.options,
      minSize: 0,
      idleTimeoutMs: RETIRED_IDLE_MS,
      pingAfterIdleMs: 0,
    });
  }

  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** Replaces all backends: idle ones now, leased ones when they are given back. */
  reconnect(): void {
    this.#link.outdate();
    for (const slot of [...this.#slots]) {
      slot.fate = "condemned";
      if (slot.state !== "leased") this.#retire(slot);
    }
    this.#advance();
  }

  /**
   * Lets everything go: waiters fail, backends are closed, leased ones when they are given back.
   * Resolves when the last one is gone, and the last login has ended.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#tally.isServing = false;
    this.#link.close();
    this.#upkeep.close();
    this.#arbiter.close();
    for (const ticket of this.takeWaiters()) {
      this.#fail(ticket.waiter, new GatewayError("ERR_SHUTTING_DOWN"));
    }
    this.reconnect();
    await this.#emptied.promise;
  }

  get #missing(): number {
    return this.options.size - this.#slots.size - this.#link.connecting - this.#retiring.size;
  }

  /** Backends there are and will be, beyond those that are kept. */
  get #surplus(): number {
    const { minSize, size } = this.options;
    return this.#slots.size + this.#link.connecting - Math.min(minSize, size);
  }

  #countExcess(): void {
    const count = this.#slots.size + this.#link.connecting - this.options.size;
    this.#tally.excess = Math.max(0, count);
  }

  #createKeeper(): LaneKeeper<B> {
    return {
      options: this.options,
      tally: this.#tally,
      hasRoom: () => this.#missing > 0 || this.#unpromised + this.#tally.idle > 0,
      askedInVain: (lane, ticket) => this.#askedInVain(lane, ticket),
      expired: (ticket) => {
        const code = this.isLive ? "ERR_POOL_EXHAUSTED" : this.#link.outageCode;
        this.#fail(ticket.waiter, new GatewayError(code));
      },
      relieved: (lane) => {
        this.#arbiter.relieved(lane);
        this.#forgetIfEmpty(lane);
      },
      parked: (slot) => {
        if (this.#tally.waiting > 0) this.#arbiter.allot();
        if (slot.state === "idle") this.#upkeep.parked(slot);
      },
      returned: (slot, outcome) => this.#returned(slot, outcome),
      lost: (slot) => this.#lost(slot),
      spurned: (slot, waiter, thrown) => this.#spurned(slot, waiter, thrown),
    };
  }

  #createLink(): ServerLink<B> {
    return new ServerLink<B>({
      options: this.options,
      waiting: () => this.#tally.waiting,
      connected: (lane, backend, isOutdated) => this.#connected(lane, backend, isOutdated),
      refused: (lane, error) => {
        lane.isWarm = false;
        for (const ticket of lane.takeWaiters()) this.#fail(ticket.waiter, error);
      },
      changed: () => this.#advance(),
      left: (lane) => this.#forgetIfEmpty(lane),
    });
  }

  #createArbiter(): Arbiter<B> {
    return new Arbiter<B>({
      options: this.options,
      tally: this.#tally,
      slots: this.#slots,
      lanes: () => this.#lanes.values(),
      missing: () => this.#missing,
      mayConnect: () => this.#link.mayConnect,
      mayReplace: () => this.#link.mayReplace,
      unpromised: () => this.#unpromised,
      promise: (lane) => this.#promise(lane),
      connect: (lane) => void this.#link.connect(lane),
      replace: (slot, successor) => this.#retire(slot, successor),
    });
  }

  #createUpkeep(): Upkeep<B> {
    return new Upkeep<B>(this.options, {
      slots: this.#slots,
      surplus: () => this.#surplus,
      mayReplace: () => this.#link.mayReplace,
      closeIdle: (slot) => this.#retire(slot),
      beginPing: (slot) => {
        slot.lane.withhold(slot);
        slot.lane.pinging++;
      },
      endPing: (slot, isAlive) => this.#endPing(slot, isAlive),
    });
  }

  #askedInVain(lane: PairLane<B>, ticket: LeaseTicket<B>): void {
    const { maxWaiting } = this.options;
    const known = this.#isClosed ? lane : this.#known(lane);
    if (this.#isClosed) {
      this.#fail(ticket.waiter, new GatewayError("ERR_SHUTTING_DOWN"));
    } else if (known !== lane) {
      known.rejoin(ticket);
    } else if (maxWaiting > 0 && this.#tally.waiting >= maxWaiting) {
      this.#fail(ticket.waiter, new GatewayError("ERR_QUEUE_FULL"));
      this.#forgetIfEmpty(lane);
    } else {
      lane.join(ticket);
      this.#arbiter.waits(lane);
      if (this.#missing > 0 || this.#unpromised + this.#tally.idle > 0) this.#arbiter.allot();
      // A session keeps to its block, and comes back to one that died long ago.
      if (!this.isLive) this.onDead?.();
    }
  }

  /** The lane of the same pair that the pool knows: this one, if there is no other. */
  #known(lane: PairLane<B>): PairLane<B> {
    if (lane.isKnown) return lane;
    const key = keyOf(lane.pair);
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    lane.isKnown = true;
    this.#lanes.set(key, lane);
    return lane;
  }

  #forgetIfEmpty(lane: PairLane<B>): void {
    if (!lane.isKnown || !lane.isEmpty || this.#link.failedLane === lane) return;
    lane.isKnown = false;
    lane.dispose();
    this.#lanes.delete(keyOf(lane.pair));
  }

  #spurned(slot: Slot<B>, waiter: LeaseWaiter<B>, thrown: unknown): void {
    const { name, logger } = this.options;
    const error = GatewayError.from(thrown);
    logger.error("A client could not take its backend", { error, name, ...waiter.logFields });
    if (slot.state === "leased") this.#retire(slot);
    this.#fail(waiter, error);
  }

  #fail(waiter: LeaseWaiter<B>, error: GatewayError): void {
    try {
      waiter.onLeaseFailed(error);
    } catch (thrown) {
      const { name, logger } = this.options;
      logger.error("A client could not be told that it gets no backend", {
        error: GatewayError.from(thrown),
        name,
        ...waiter.logFields,
      });
    }
  }

  #connected(lane: PairLane<B>, backend: B, isOutdated: boolean): void {
    const nowMs = this.options.timers.clock.now();
    const slot = new Slot(lane, backend, nowMs, this.#upkeep.expiryMs(nowMs));
    this.#slots.add(slot);
    lane.slots++;
    if (isOutdated || this.#tally.excess > 0) {
      this.#retire(slot);
    } else if (!backend.isOpen) {
      this.#link.rejected(slot);
      this.#retire(slot);
    } else {
      lane.offer(slot);
      this.#upkeep.soon();
    }
  }

  #returned(slot: Slot<B>, outcome: LeaseOutcome): void {
    const { isStale } = this.options;
    const isLost = outcome === "lost" || (outcome === "clean" && !slot.backend.isOpen);
    if (isLost && !this.#isClosed) this.#link.forsaken();
    const isTooMuch = this.#tally.excess > 0;
    const isUnfit = isLost || isTooMuch || outcome === "broken" || slot.fate === "condemned";
    if (isUnfit || isStale?.(slot.backend) === true) {
      this.#retire(slot);
    } else if (slot.fate === "expired" && this.#upkeep.mayAge()) {
      this.#retire(slot);
    } else if (!slot.lane.isCeding || !this.#arbiter.cede(slot)) {
      slot.lane.offer(slot);
      if (slot.fate === "expired") this.#upkeep.soon();
    }
  }

  /** The server closed an idle backend. */
  #lost(slot: Slot<B>): void {
    const { name, logger } = this.options;
    logger.debug("An idle connection was closed by the server", { name });
    this.#link.rejected(slot);
    this.#retire(slot);
  }

  #endPing(slot: Slot<B>, isAlive: boolean): void {
    slot.lane.pinging--;
    // It was retired meanwhile.
    if (slot.state !== "withheld") return;
    if (isAlive && slot.backend.isOpen) {
      slot.provedAtMs = this.options.timers.clock.now();
      slot.lane.putBack(slot);
      return;
    }
    this.options.logger.warn("An idle connection did not answer", { name: this.name });
    this.#link.forsaken();
    this.#retire(slot);
  }

  /**
   * Closes a backend that is not leased, or not any more. Its place is free when the server has let go.
   * @param successor the lane that gets it
   */
  #retire(slot: Slot<B>, successor = this.#arbiter.neediest): void {
    const { lane } = slot;
    if (slot.backend.isOpen) this.#link.served();
    lane.withhold(slot);
    slot.state = "gone";
    this.#slots.delete(slot);
    if (this.#tally.excess > 0) this.#countExcess();
    lane.slots--;
    lane.retiring++;
    this.#retiring.set(slot, successor);
    if (successor === undefined) this.#unpromised++;
    else successor.promised++;
    slot.backend.retire(() => this.#gone(slot));
  }

  /** Promises a place that becomes free in a moment. */
  #promise(lane: PairLane<B>): boolean {
    if (this.#unpromised === 0) return false;
    for (const [slot, successor] of this.#retiring) {
      if (successor !== undefined) continue;
      this.#retiring.set(slot, lane);
      this.#unpromised--;
      lane.promised++;
      return true;
    }
    return false;
  }

  /** The server has let go of a retired backend. */
  #gone(slot: Slot<B>): void {
    const successor = this.#retiring.get(slot);
    this.#retiring.delete(slot);
    slot.lane.retiring--;
    if (successor === undefined) this.#unpromised--;
    else this.#keepPromise(successor);
    this.#forgetIfEmpty(slot.lane);
    this.#advance();
  }

  /** A place has become free for the lane. */
  #keepPromise(lane: PairLane<B>): void {
    lane.promised--;
    const isWanted = lane.uncovered > 0 && this.#tally.isServing && this.#missing > 0;
    if (isWanted && this.#link.mayConnect) void this.#link.connect(lane);
    else this.#forgetIfEmpty(lane);
  }

  /** Something has changed: does what can be done now. */
  #advance(): void {
    if (this.#tally.excess > 0) this.#countExcess();
    if (this.#isClosed) {
      const count = this.#slots.size + this.#retiring.size + this.#link.connecting;
      if (count === 0) this.#emptied.resolve();
      return;
    }
    this.#reportLife();
    if (!this.#tally.isServing) return;
    this.#arbiter.allot();
    this.#fillWarmLanes();
    this.#probe();
  }

  #reportLife(): void {
    if (this.isLive !== this.#isReportedDead) return;
    this.#isReportedDead = !this.isLive;
    if (this.#isReportedDead) this.onDead?.();
    else this.onLive?.();
  }

  #fillWarmLanes(): void {
    while (this.#surplus < 0 && this.#missing > 0 && this.#link.mayConnect) {
      let least: PairLane<B> | undefined;
      for (const lane of this.#lanes.values()) {
        if (lane.isWarm && (least === undefined || lane.held < least.held)) least = lane;
      }
      if (least === undefined) return;
      void this.#link.connect(least);
    }
  }

  /** Though nobody waits: who comes next should find out by itself that the server is back. */
  #probe(): void {
    const { failedLane, connecting, mayConnect } = this.#link;
    if (failedLane === undefined || this.isLive || this.#missing <= 0 || this.#isRetired) return;
    if (connecting === 0 && mayConnect) void this.#link.connect(failedLane);
  }
}

/** Neither a user's nor a database's name can contain a zero byte. */
function keyOf({ user, database, key }: Pair): string {
  return `${user}\0${database}\0${key}`;
}
