/**
 * The backends of one (user, database) pair, and who waits for them.
 *
 * `lease` and `release` are the hot path: they neither allocate nor look anything up. Whatever needs a
 * decision goes to the pool that keeps the lane.
 */
import { GatewayError } from "../errors.ts";
import type { Standing } from "./fair-share.ts";
import type { LeaseTicket, LeaseWaiter } from "./lease-ticket.ts";
import type { Pair, SharedBackend, SharedPoolOptions } from "./shared-pool-options.ts";
import type { LeaseOutcome, Slot } from "./slot.ts";
import { WaitQueue } from "./wait-queue.ts";

/** What the lanes of a pool count together. */
export class Tally {
  idle = 0;
  waiting = 0;
  /** Backends may be leased: the pool is neither paused nor closed. */
  isServing = true;
  /** Backends that are too many since the pool became smaller: so many are given up as they come back. */
  excess = 0;
}

/** The pool, as its lanes see it. */
export interface LaneKeeper<B extends SharedBackend> {
  readonly options: SharedPoolOptions<B>;
  readonly tally: Tally;
  /** Backends can be had beyond the leased ones, now or in a moment. */
  hasRoom(): boolean;
  /** There is no backend for it now. */
  askedInVain(lane: PairLane<B>, ticket: LeaseTicket<B>): void;
  /** Its time is up. */
  expired(ticket: LeaseTicket<B>): void;
  /** Nobody waits any more. */
  relieved(lane: PairLane<B>): void;
  parked(slot: Slot<B>): void;
  /** It is not to be handed on without a second look. */
  returned(slot: Slot<B>, outcome: LeaseOutcome): void;
  lost(slot: Slot<B>): void;
  /** Its waiter threw when it was handed over. */
  spurned(slot: Slot<B>, waiter: LeaseWaiter<B>, thrown: unknown): void;
}

export class PairLane<B extends SharedBackend> implements Standing {
  readonly pair: Pair;
  readonly #keeper: LaneKeeper<B>;
  readonly #tally: Tally;
  readonly #isStale: ((backend: B) => boolean) | undefined;
  /** Longest idle first; leased from the end, so that what is left over grows old and is closed. */
  readonly #idle: Slot<B>[] = [];
  readonly #queue: WaitQueue<LeaseTicket<B>>;
  /** A pair in need has a better right to what is freed here. */
  isCeding = false;
  /** Kept filled, as `minSize` says. */
  isWarm = false;
  /** In the pool's books. Else it is empty, and nobody's but a session's that may come back. */
  isKnown = false;
  gainedAtMs = Number.NEGATIVE_INFINITY;
  /** Backends in any state, without those that are retired. */
  slots = 0;
  /** Backends that are pinged. */
  pinging = 0;
  /** Backends that are dialled and logged in. */
  connecting = 0;
  /** Places that it gets when the server has let go of the backends there. */
  promised = 0;
  retiring = 0;

  constructor(pair: Pair, keeper: LaneKeeper<B>) {
    const { timers, queueTimeoutMs, isStale } = keeper.options;
    this.pair = pair;
    this.#keeper = keeper;
    this.#tally = keeper.tally;
    this.#isStale = isStale;
    this.#queue = new WaitQueue<LeaseTicket<B>>(timers, queueTimeoutMs, (ticket) =>
      keeper.expired(ticket),
    );
  }

  get held(): number {
    return this.slots + this.connecting + this.promised;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  /** Who waits, longest first. */
  get waiters(): Iterable<LeaseTicket<B>> {
    return this.#queue;
  }

  get uncovered(): number {
    return Math.max(0, this.#queue.length - this.connecting - this.promised - this.pinging);
  }

  get oldestSinceMs(): number {
    return this.#queue.oldest?.sinceMs ?? Number.POSITIVE_INFINITY;
  }

  /** There is nothing to keep it for. */
  get isEmpty(): boolean {
    return this.held + this.retiring + this.#queue.length === 0 && !this.isWarm;
  }

  /** All backends that there can be are in use, and nobody waits for one. */
  get isBusy(): boolean {
    return (
      this.#idle.length === 0 &&
      this.#queue.length === 0 &&
      this.#tally.isServing &&
      !this.#keeper.hasRoom()
    );
  }

  /**
   * Asks for a backend. With an idle one the waiter has it before this returns, else it gets its place
   * in the queue; or it is refused when the queue is full. The session keeps to the lane of the slot
   * it gets: another may have taken this one's place.
   */
  lease(ticket: LeaseTicket<B>): void {
    const slot = this.#takeIdle();
    if (slot !== undefined) {
      this.#hand(slot, ticket.waiter);
      return;
    }
    ticket.lane = this;
    ticket.sinceMs = this.#keeper.options.timers.clock.now();
    ticket.isTold = false;
    this.#keeper.askedInVain(this, ticket);
  }

  /** Like `lease`, for one who has waited elsewhere: it keeps its place in time. */
  rejoin(ticket: LeaseTicket<B>): void {
    const slot = this.#takeIdle();
    ticket.lane = this;
    if (slot === undefined) this.#keeper.askedInVain(this, ticket);
    else this.#hand(slot, ticket.waiter);
  }

  /** A leased backend of this lane would be handed on when it is given back. */
  keeps({ fate, backend }: Slot<B>): boolean {
    const isWanted = fate === "stays" && !this.isCeding && this.#tally.excess === 0;
    return isWanted && backend.isOpen && this.#isStale?.(backend) !== true;
  }

  /** Called by the slot. */
  release(slot: Slot<B>, outcome: LeaseOutcome): void {
    if (slot.state !== "leased") return;
    slot.state = "withheld";
    if (outcome === "clean" && this.keeps(slot)) {
      slot.hasServed = true;
      this.offer(slot);
    } else {
      this.#keeper.returned(slot, outcome);
    }
  }

  /** A backend is free: the oldest waiter's, or for the next one who comes. */
  offer(slot: Slot<B>): void {
    if (this.#handToOldest(slot)) return;
    slot.state = "idle";
    slot.idleSinceMs = this.#keeper.options.timers.clock.now();
    this.#idle.push(slot);
    this.#park(slot);
  }

  /** A backend that was pinged goes on being idle. */
  putBack(slot: Slot<B>): void {
    if (this.#handToOldest(slot)) return;
    slot.state = "idle";
    const index = this.#idle.findIndex(({ idleSinceMs }) => idleSinceMs > slot.idleSinceMs);
    this.#idle.splice(index < 0 ? this.#idle.length : index, 0, slot);
    this.#park(slot);
  }

  /** Takes an idle backend out, not to lease it. */
  withhold(slot: Slot<B>): void {
    const index = this.#idle.indexOf(slot);
    if (index < 0) return;
    this.#idle.splice(index, 1);
    this.#tally.idle--;
    slot.state = "withheld";
  }

  /** Called when the server closed a watched backend. */
  lost(slot: Slot<B>): void {
    if (slot.state !== "idle") return;
    this.withhold(slot);
    this.#keeper.lost(slot);
  }

  /**
   * A leased backend can take the work of one more: the oldest waiter's, if that will have it. Others
   * have no claim ahead of it.
   */
  share(slot: Slot<B>): boolean {
    const ticket = this.#tally.isServing ? this.#queue.oldest : undefined;
    if (ticket?.waiter.joins?.(slot) !== true) return false;
    ticket.withdraw();
    return true;
  }

  /** Leads idle backends and waiters together, when leasing was not possible for a while. */
  serve(): void {
    while (this.#tally.isServing && this.#idle.length > 0 && this.#queue.length > 0) {
      const slot = this.#popIdle();
      if (slot !== undefined) this.offer(slot);
    }
  }

  /** Lets it wait. The pool has found that it may. */
  join(ticket: LeaseTicket<B>): void {
    ticket.isWaiting = true;
    this.#tally.waiting++;
    this.#queue.add(ticket);
  }

  /** Called by the ticket. */
  withdraw(ticket: LeaseTicket<B>): void {
    this.#queue.remove(ticket);
  }

  /** Called by the ticket when it has left the queue. */
  waiterLeft(): void {
    this.#tally.waiting--;
    if (this.#queue.length === 0) this.#keeper.relieved(this);
  }

  /** Empties the queue, oldest first. */
  takeWaiters(): readonly LeaseTicket<B>[] {
    const tickets: LeaseTicket<B>[] = [];
    for (let ticket = this.#queue.takeOldest(); ticket; ticket = this.#queue.takeOldest()) {
      tickets.push(ticket);
    }
    return tickets;
  }

  /** Tells those who have waited so long and do not know. */
  tellLongWaiters(longWaitMs: number, nowMs: number): void {
    let next: LeaseTicket<B> | undefined;
    for (let ticket = this.#queue.oldest; ticket; ticket = next) {
      const waitedMs = nowMs - ticket.sinceMs;
      if (waitedMs < longWaitMs) return;
      next = ticket.next;
      if (ticket.isTold) continue;
      ticket.isTold = true;
      try {
        ticket.waiter.onLongWait?.(waitedMs);
      } catch (thrown) {
        const { logger, name } = this.#keeper.options;
        logger.error("A client could not be told to wait", {
          error: GatewayError.from(thrown),
          name,
          ...ticket.waiter.logFields,
        });
      }
    }
  }

  /** The pool has another `queueTimeoutMs`. */
  reconfigured(): void {
    this.#queue.limit(this.#keeper.options.queueTimeoutMs);
  }

  /** Nothing of it is kept alive; it can be used again. */
  dispose(): void {
    this.#queue.dispose();
  }

  #takeIdle(): Slot<B> | undefined {
    return this.#tally.isServing && this.#queue.length === 0 ? this.#popIdle() : undefined;
  }

  #popIdle(): Slot<B> | undefined {
    const slot = this.#idle.pop();
    if (slot !== undefined) this.#tally.idle--;
    return slot;
  }

  #handToOldest(slot: Slot<B>): boolean {
    const ticket = this.#tally.isServing ? this.#queue.takeOldest() : undefined;
    if (ticket === undefined) return false;
    this.#hand(slot, ticket.waiter);
    return true;
  }

  #park(slot: Slot<B>): void {
    this.#tally.idle++;
    slot.backend.watch(slot.onLost);
    this.#keeper.parked(slot);
  }

  #hand(slot: Slot<B>, waiter: LeaseWaiter<B>): void {
    slot.state = "leased";
    slot.uses++;
    try {
      waiter.onLease(slot);
    } catch (thrown) {
      this.#keeper.spurned(slot, waiter, thrown);
    }
  }
}
