/**
 * What happens in the data half, told to whoever watches: metrics, traces, the log of slow queries.
 * Interfaces, and what joins several watchers to one. Whoever tells has `undefined` when nobody watches.
 * Pure. May import: errors.
 */
export { ByteMeter } from "./byte-meter.ts";
export { connectionFields } from "./connection-fields.ts";
export type { ConnectionFields, TraceIdOf } from "./connection-fields.ts";
export type { HookWatch } from "./hook-watch.ts";
export type {
  BlockListener,
  BlockWatch,
  GroupListener,
  GroupWatch,
  StartupTrace,
  WatchedClient,
  WatchedSession,
} from "./session-watch.ts";
export type { UnitKind, WatchedUnit } from "./watched-unit.ts";
export { hooksWatchedByAll, watchedByAll } from "./watched-by-all.ts";
