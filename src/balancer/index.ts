/**
 * Which block a client goes to: strategies over the blocks of one group.
 * Pure: no Bun, no clock; randomness is passed in. May import: errors.
 */
export type { ConsistentHashOptions } from "./consistent-hash.ts";
export { createStrategy } from "./create-strategy.ts";
export type { StrategyOptions } from "./create-strategy.ts";
export type { BlockView, ClientView, Strategy } from "./strategy.ts";
export type { WeightedBlock } from "./weighted-round-robin.ts";
