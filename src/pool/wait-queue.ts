/** Who waits for a backend: first come, first served, and any one may leave at any time. */
import type { GatewayError } from "../errors.ts";
import type { Backend } from "../backend/index.ts";
import type { Pool } from "./pool.ts";

/** Wants a backend. Exactly one of the two is called, unless the ticket is withdrawn before. */
export interface Waiter {
  /** `ip:port`; what consistent hashing goes by. */
  readonly clientAddress: string;
  onLease(backend: Backend, pool: Pool): void;
  onLeaseFailed(error: GatewayError): void;
}

/** A place in a {@link WaitQueue}. */
export class Ticket {
  readonly waiter: Waiter;
  /** When the waiter asked first; kept when it moves to another queue. */
  readonly sinceMs: number;
  /** The pool whose queue it stands in; undefined once served, failed or withdrawn. */
  pool: Pool | undefined;
  previous: Ticket | undefined;
  next: Ticket | undefined;

  constructor(waiter: Waiter, sinceMs: number) {
    this.waiter = waiter;
    this.sinceMs = sinceMs;
  }
}

/** A doubly linked list, ordered by `sinceMs`: oldest first. */
export class WaitQueue {
  #oldest: Ticket | undefined;
  #newest: Ticket | undefined;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get oldest(): Ticket | undefined {
    return this.#oldest;
  }

  /** Adds it behind everyone who has waited longer: nearly always at the end. */
  add(ticket: Ticket): void {
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
  }

  /** The ticket must be in this queue. */
  remove(ticket: Ticket): void {
    if (ticket.previous === undefined) this.#oldest = ticket.next;
    else ticket.previous.next = ticket.next;
    if (ticket.next === undefined) this.#newest = ticket.previous;
    else ticket.next.previous = ticket.previous;
    ticket.previous = undefined;
    ticket.next = undefined;
    this.#length--;
  }

  takeOldest(): Ticket | undefined {
    const ticket = this.#oldest;
    if (ticket !== undefined) this.remove(ticket);
    return ticket;
  }
}
