/**
 * Pools of backends, who waits for them, and the way from a client to a block.
 * May import: errors, logging, net, backend, balancer.
 */
export type { BackoffOptions } from "./backoff.ts";
export { BlockRouter } from "./block-router.ts";
export { Pool } from "./pool.ts";
export type { PoolOptions, PoolSnapshot } from "./pool-options.ts";
export { LeaseTicket } from "./lease-ticket.ts";
export type { LeaseWaiter } from "./lease-ticket.ts";
export type { PairLane } from "./pair-lane.ts";
export { SharedPool } from "./shared-pool.ts";
export type { Pair, SharedPoolOptions, SharedPoolSnapshot } from "./shared-pool-options.ts";
export type { LeaseOutcome, Slot } from "./slot.ts";
export type { Lessor, Ticket, Waiter } from "./wait-queue.ts";
