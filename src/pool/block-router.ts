/**
 * The blocks of one group: leads each client to a block that lives.
 *
 * A client waits in the queue of one block. When that block has lost its server and another block
 * lives, its waiters move there, keeping their place in time; when no block lives they stay, and go
 * to whichever comes back first.
 */
import type { Strategy } from "../balancer/index.ts";
import type { Pool } from "./pool.ts";
import { Ticket } from "./wait-queue.ts";
import type { Waiter } from "./wait-queue.ts";

export class BlockRouter {
  readonly pools: readonly Pool[];
  readonly #strategy: Strategy;
  readonly #now: () => number;

  /** @param pools in the order of the configuration file */
  constructor(pools: readonly Pool[], strategy: Strategy, now: () => number) {
    this.pools = pools;
    this.#strategy = strategy;
    this.#now = now;
    for (const pool of pools) {
      pool.onLive = () => this.#rescueWaiters();
      pool.onDead = () => this.#rescueWaiters();
    }
  }

  /** Asks for a backend; the waiter may be answered before this returns. */
  lease(waiter: Waiter): Ticket {
    const ticket = new Ticket(waiter, this.#now());
    this.#route(ticket);
    return ticket;
  }

  /** The waiter needs no backend any more; harmless when it was answered already. */
  withdraw(ticket: Ticket): void {
    ticket.pool?.withdraw(ticket);
  }

  #route(ticket: Ticket): void {
    const live = this.pools.filter((pool) => pool.isLive);
    const candidates = live.length > 0 ? live : this.pools;
    this.#strategy.pick(candidates, ticket.waiter).lease(ticket);
  }

  #rescueWaiters(): void {
    if (!this.pools.some((pool) => pool.isLive)) return;
    for (const pool of this.pools) {
      if (pool.isLive) continue;
      for (const ticket of pool.takeWaiters()) this.#route(ticket);
    }
  }
}
