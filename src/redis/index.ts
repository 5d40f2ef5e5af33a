/**
 * Connections to Redis that come back: of actions that others do, and of plugins.
 * May import: hooks, for its timers.
 */
export { RedisLink } from "./redis-link.ts";
