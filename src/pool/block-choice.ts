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
  /**
   * Called when the pool lives again after an outage, and when it has died or a client comes to wait
   * though it is dead. Set by the choice.
   */
  onLive: (() => void) | undefined;
  onDead: (() => void) | undefined;
  /** Gives the waiter a backend, or its place in the queue. */
  lease(ticket: T): void;
  /** Empties the queue, oldest first. */
  takeWaiters(): readonly T[];
}

/** Blocks among which some clients are spread, and how. */
export interface BlockSet<P> {
  readonly pools: readonly P[];
  readonly strategy: Strategy;
}

export class BlockChoice<
  T extends { readonly waiter: ClientView },
  P extends ChoosablePool<T>,
> implements BlockSet<P> {
  pools: readonly P[] = [];
  strategy: Strategy;
  readonly #setOf: (ticket: T) => BlockSet<P>;
  readonly #mayMove: (from: P, to: P) => boolean;
  #isRescuing = false;

  /**
   * @param pools in the order of the configuration file
   * @param setOf where a waiter may go, if not to every block
   * @param mayMove whether one block can stand in for another at all
   */
  constructor(
    pools: readonly P[],
    strategy: Strategy,
    setOf?: (ticket: T) => BlockSet<P>,
    mayMove: (from: P, to: P) => boolean = () => true,
  ) {
    this.strategy = strategy;
    this.#setOf = setOf ?? (() => this);
    this.#mayMove = mayMove;
    this.reconfigure(pools, strategy);
  }

  /**
   * Spreads clients over these from now on. Who waits for one that is not among them any more goes to one that is; who
   * may not go to any stays where he is.
   */
  reconfigure(pools: readonly P[], strategy: Strategy): void {
    const removed = this.pools.filter((pool) => !pools.includes(pool));
    this.pools = pools;
    this.strategy = strategy;
    for (const pool of removed) {
      pool.onLive = undefined;
      pool.onDead = undefined;
    }
    for (const pool of pools) {
      pool.onLive = () => this.#rescueWaiters();
      pool.onDead = () => this.#rescueWaiters();
    }
    for (const pool of removed) this.#rescueWaitersOf(pool);
  }

  /** The pool for a client: one that lives, if any does. */
  pick(client: ClientView, { pools, strategy }: BlockSet<P> = this): P {
    const live = pools.filter((pool) => pool.isLive);
    return strategy.pick(live.length > 0 ? live : pools, client);
  }

  #rescueWaiters(): void {
    // Who is put back into the queue of a dead pool is one who comes to wait.
    if (this.#isRescuing || !this.pools.some((pool) => pool.isLive)) return;
    this.#isRescuing = true;
    try {
      for (const pool of this.pools) if (!pool.isLive) this.#rescueWaitersOf(pool);
    } finally {
      this.#isRescuing = false;
    }
  }

  #rescueWaitersOf(pool: P): void {
    const isRemoved = !this.pools.includes(pool);
    for (const ticket of pool.takeWaiters()) {
      const { pools, strategy } = this.#setOf(ticket);
      const others = pools.filter((other) => this.#mayMove(pool, other));
      // One that will not come back is no place to wait for it.
      const isAnywhere = others.some(({ isLive }) => isLive || isRemoved);
      const to = isAnywhere ? this.pick(ticket.waiter, { pools: others, strategy }) : pool;
      to.lease(ticket);
    }
  }
}
