/** The blocks of one group in the mode `passthrough`: leads each client to a block that lives. */
import type { Strategy } from "../balancer/index.ts";
import { BlockChoice } from "./block-choice.ts";
import type { Pool } from "./pool.ts";
import { Ticket } from "./wait-queue.ts";
import type { Waiter } from "./wait-queue.ts";

export class BlockRouter {
  readonly #choice: BlockChoice<Ticket, Pool>;
  readonly #now: () => number;

  /** @param pools in the order of the configuration file */
  constructor(pools: readonly Pool[], strategy: Strategy, now: () => number) {
    this.#choice = new BlockChoice(pools, strategy);
    this.#now = now;
  }

  /** Leads clients to these from now on, by another strategy if there is one. */
  reconfigure(pools: readonly Pool[], strategy = this.#choice.strategy): void {
    this.#choice.reconfigure(pools, strategy);
  }

  get pools(): readonly Pool[] {
    return this.#choice.pools;
  }

  /** Asks for a backend; the waiter may be answered before this returns. */
  lease(waiter: Waiter): Ticket {
    const ticket = new Ticket(waiter, this.#now());
    this.#choice.pick(waiter).lease(ticket);
    return ticket;
  }

  /** The waiter needs no backend any more; harmless when it was answered already. */
  withdraw(ticket: Ticket): void {
    ticket.pool?.withdraw(ticket);
  }
}
