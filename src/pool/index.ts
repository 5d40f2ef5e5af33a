/**
 * Pools of backends, who waits for them, and the way from a client to a block.
 * `Pool` is the one of the mode `passthrough`: fresh connections, dialled ahead, for one client each.
 * `SharedPool` is the one of the other modes: logged-in backends that clients take turns on.
 * May import: errors, logging, net, backend, balancer.
 */
export type { BackoffOptions } from "./backoff.ts";
export { BlockChoice } from "./block-choice.ts";
export type { BlockSet } from "./block-choice.ts";
export { BlockRouter } from "./block-router.ts";
export { LeaseTicket } from "./lease-ticket.ts";
export type { LeaseWaiter } from "./lease-ticket.ts";
export type { PairLane } from "./pair-lane.ts";
export { Pool } from "./pool.ts";
export type { PooledServer, PoolWaiter } from "./pool-contents.ts";
export type { PoolOptions, PoolSettings, PoolSnapshot } from "./pool-options.ts";
export type {
  Pair,
  PairSnapshot,
  SharedBackend,
  SharedPoolOptions,
  SharedPoolSettings,
  SharedPoolSnapshot,
} from "./shared-pool-options.ts";
export { SharedPool } from "./shared-pool.ts";
export type { LeaseOutcome, Slot } from "./slot.ts";
export type { Lessor, Ticket, Waiter } from "./wait-queue.ts";
