/** Who waits for a backend: first come, first served, each for a limited time. */
import type { GatewayError } from "../errors.ts";
import type { Backend } from "../backend/index.ts";
import type { Deadline, TimerWheel } from "../net/index.ts";
import type { PoolOptions } from "./pool-options.ts";

/** Where a leased backend came from, and goes back to. */
export interface Lessor {
  /** The block's name. */
  readonly name: string;
  readonly options: PoolOptions;
  /** The block is no more: what comes back is not given to anybody else. */
  readonly isRetired: boolean;
  release(backend: Backend): void;
  withdraw(ticket: Ticket): void;
  /**
   * Lets the idle backends go: the server dropped one, or answered it with what was true when it was
   * dialled, and may have done so with all. Who asks now gets a fresh one.
   */
  distrustIdle(): void;
}

/**
 * Wants a backend. Exactly one of the two is called, unless the ticket is withdrawn before; when
 * `onLease` throws, the backend is taken away again and the other is called after all.
 */
export interface Waiter {
  /** `ip:port`; what consistent hashing goes by. */
  readonly remoteAddress: string;
  /** What records of the log have about it. */
  readonly logFields: object;
  onLease(backend: Backend, pool: Lessor): void;
  onLeaseFailed(error: GatewayError): void;
}

/** What can stand in a {@link WaitQueue}. */
export interface Queued<T> {
  /** When it asked first. */
  readonly sinceMs: number;
  /** Its neighbours. They belong to the queue. */
  previous: T | undefined;
  next: T | undefined;
  /** Called when it is out of the queue, whatever the reason. */
  left(): void;
}

/** Who waits for a backend of a {@link Lessor}. */
export class Ticket implements Queued<Ticket> {
  readonly waiter: Waiter;
  /** When the waiter asked first; kept when it moves to another queue. */
  readonly sinceMs: number;
  /** The pool whose queue it stands in; undefined once served, failed or withdrawn. */
  pool: Lessor | undefined;
  previous: Ticket | undefined;
  next: Ticket | undefined;

  constructor(waiter: Waiter, sinceMs: number) {
    this.waiter = waiter;
    this.sinceMs = sinceMs;
  }

  left(): void {
    this.pool = undefined;
  }
}

/** A doubly linked list, ordered by `sinceMs`: any ticket leaves in constant time. */
export class WaitQueue<T extends Queued<T>> {
  readonly #timers: TimerWheel;
  #timeoutMs: number;
  readonly #onExpired: (ticket: T) => void;
  /** Time is up for the oldest first, so one deadline is enough for all. */
  readonly #deadline: Deadline;
  #oldest: T | undefined;
  #newest: T | undefined;
  #length = 0;

  /**
   * @param timeoutMs how long a ticket may wait; 0 = for ever
   * @param onExpired gets tickets whose time is up, out of the queue already
   */
  constructor(timers: TimerWheel, timeoutMs: number, onExpired: (ticket: T) => void) {
    this.#timers = timers;
    this.#timeoutMs = timeoutMs;
    this.#onExpired = onExpired;
    this.#deadline = timers.deadline(() => this.#expire());
  }

  get length(): number {
    return this.#length;
  }

  /** How long a ticket may wait from now on, those that wait included; 0 = for ever. */
  limit(timeoutMs: number): void {
    this.#timeoutMs = timeoutMs;
    if (timeoutMs === 0) this.#deadline.clear();
    else this.#arm();
  }

  /** Who has waited longest; `next` leads to the others. */
  get oldest(): T | undefined {
    return this.#oldest;
  }

  /** Who waits, longest first. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (let ticket = this.#oldest; ticket !== undefined; ticket = ticket.next) yield ticket;
  }

  /** Adds it behind everyone who has waited longer: nearly always at the end. */
  add(ticket: T): void {
    let before = this.#newest;
    while (before !== undefined && before.sinceMs > ticket.sinceMs) before = before.previous;
    const after = before === undefined ? this.#oldest : before.next;
    ticket.previous = before;
    ticket.next = after;
    if (before === undefined) this.#oldest = ticket;
    else before.next = ticket;
    if (after === undefined) this.#newest = ticket;
    else after.previous = ticket;
    this.#length++;
    if (this.#oldest === ticket) this.#arm();
  }

  /** The ticket must be in this queue. */
  remove(ticket: T): void {
    if (ticket.previous === undefined) this.#oldest = ticket.next;
    else ticket.previous.next = ticket.next;
    if (ticket.next === undefined) this.#newest = ticket.previous;
    else ticket.next.previous = ticket.previous;
    ticket.previous = undefined;
    ticket.next = undefined;
    this.#length--;
    if (this.#length === 0) this.#deadline.clear();
    ticket.left();
  }

  takeOldest(): T | undefined {
    const ticket = this.#oldest;
    if (ticket !== undefined) this.remove(ticket);
    return ticket;
  }

  dispose(): void {
    this.#deadline.dispose();
  }

  #arm(): void {
    if (this.#oldest === undefined || this.#timeoutMs === 0) return;
    this.#deadline.setAt(this.#oldest.sinceMs + this.#timeoutMs);
  }

  #expire(): void {
    const nowMs = this.#timers.clock.now();
    try {
      for (let ticket = this.#oldest; ticket; ticket = this.#oldest) {
        if (ticket.sinceMs + this.#timeoutMs > nowMs) break;
        this.remove(ticket);
        this.#onExpired(ticket);
      }
    } finally {
      // Whoever throws, the others have their turn.
      this.#arm();
    }
  }
}
