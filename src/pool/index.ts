/**
 * Pools of backends, who waits for them, and the way from a client to a block.
 * May import: errors, logging, net, backend, balancer.
 */
export type { BackoffOptions } from "./backoff.ts";
export { BlockRouter } from "./block-router.ts";
export { Pool } from "./pool.ts";
export type { PoolOptions, PoolSnapshot } from "./pool-options.ts";
export type { Lessor, Ticket, Waiter } from "./wait-queue.ts";
