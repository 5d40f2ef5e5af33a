/**
 * Which block of a group a client goes to, among those that live; and where waiters go when theirs
 * does not.
 *
 * A client waits in the queue of one block. When that block has lost its server and another block
 * lives, its waiters move there, keeping their place in time; when no block lives they stay, and go
 * to whichever comes back first.
 */
import type { BlockView, ClientView, Strategy } from "../balancer/index.ts";

/** A block's pool of any kind, as far as the choice goes. */
export interface ChoosablePool<T> extends BlockView {
  /** False while there is no backend, and none can be had. */
  readonly isLive: boolean;
  /** Called when the pool lives again after an outage, and when it has died. Set by the choice. */
  onLive: (() => void) | undefined;
  onDead: (() => void) | undefined;
  /** Gives the waiter a backend, or its place in the queue. */
  lease(ticket: T): void;
  /** Empties the queue, oldest first. */
  takeWaiters(): readonly T[];
}

export class BlockChoice<T extends { readonly waiter: ClientView }, P extends ChoosablePool<T>> {
  readonly pools: readonly P[];
  readonly #strategy: Strategy;

  /** @param pools in the order of the configuration file */
  constructor(pools: readonly P[], strategy: Strategy) {
    this.pools = pools;
    this.#strategy = strategy;
    for (const pool of pools) {
      pool.onLive = () => this.#rescueWaiters();
      pool.onDead = () => this.#rescueWaiters();
    }
  }

  /** The pool for a client: one that lives, if any does. */
  pick(client: ClientView): P {
    const live = this.pools.filter((pool) => pool.isLive);
    return this.#strategy.pick(live.length > 0 ? live : this.pools, client);
  }

  #rescueWaiters(): void {
    if (!this.pools.some((pool) => pool.isLive)) return;
    for (const pool of this.pools) {
      if (pool.isLive) continue;
      for (const ticket of pool.takeWaiters()) this.pick(ticket.waiter).lease(ticket);
    }
  }
}
