/** A session's way to ask a shared pool for backends, again and again. */
import type { GatewayError } from "../errors.ts";
import type { PairLane } from "./pair-lane.ts";
import type { SharedBackend } from "./shared-pool-options.ts";
import type { Slot } from "./slot.ts";
import type { Queued } from "./wait-queue.ts";

/**
 * Wants a backend. Exactly one of `onLease` and `onLeaseFailed` is called for each lease, unless it is
 * withdrawn before; when `onLease` throws, the backend is taken away again and the other is called
 * after all.
 */
export interface LeaseWaiter<B extends SharedBackend> {
  /** `ip:port`; what consistent hashing goes by. */
  readonly remoteAddress: string;
  /** What records of the log have about it. */
  readonly logFields: object;
  onLease(slot: Slot<B>): void;
  onLeaseFailed(error: GatewayError): void;
  /**
   * Asked while it waits, when a backend that others use could take its work as well: it takes part in
   * that one, or answers false. Having taken part it waits no more.
   */
  joins?(slot: Slot<B>): boolean;
  /** It takes long. Called once for a lease, before one of the others. */
  onLongWait?(waitedMs: number): void;
}

/** One for each session: it asks for one backend at a time, so that no lease needs an object. */
export class LeaseTicket<B extends SharedBackend> implements Queued<LeaseTicket<B>> {
  readonly waiter: LeaseWaiter<B>;
  /** Where it asked last. */
  lane: PairLane<B> | undefined;
  /** When it had to wait first; kept when it moves to another pool. */
  sinceMs = 0;
  isWaiting = false;
  /** The waiter knows that it takes long. */
  isTold = false;
  previous: LeaseTicket<B> | undefined;
  next: LeaseTicket<B> | undefined;

  constructor(waiter: LeaseWaiter<B>) {
    this.waiter = waiter;
  }

  left(): void {
    this.isWaiting = false;
    this.lane?.waiterLeft();
  }

  /** The waiter needs no backend any more; harmless when it was answered already. */
  withdraw(): void {
    if (this.isWaiting) this.lane?.withdraw(this);
  }
}
