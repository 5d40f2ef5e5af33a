/**
 * Plugins: which of them run and what becomes of them, whichever way each one runs.
 * May import: hooks, act, postgres, rpc, sdk, sql, errors, logging.
 */
export { PluginMetrics } from "./metrics/index.ts";
export { createModuleHost, createProcessHost, serveModule } from "./hosts.ts";
export { reportStrayError } from "./stray-errors.ts";
export type {
  PluginActivity,
  PluginDescription,
  PluginHost,
  PluginRequirement,
  RunningPlugin,
} from "./plugin-host.ts";
export { PluginSet } from "./plugin-set.ts";
export type {
  PluginAnswer,
  PluginChange,
  PluginEntry,
  PluginSetOptions,
  PluginSnapshot,
} from "./plugin-set.ts";
export type { PluginState } from "./plugin-state.ts";
export type { ProcessEntry, ProcessSurroundings } from "./process/index.ts";
export type { ServeOptions } from "./serve/index.ts";
