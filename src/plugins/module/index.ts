/**
 * Plugins that are TypeScript or JavaScript files: loaded by this program, in its own thread or in a worker.
 * May import: hooks, sdk, sql, errors, logging, plugins' own interface.
 */
export { loadModule } from "./load-module.ts";
export { createModuleHost } from "./module-host.ts";
export type { ModuleEntry, ModuleSurroundings } from "./module-host.ts";
