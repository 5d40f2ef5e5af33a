/**
 * The other end of the plugin protocol: a module that runs as a process, under any gateway that speaks it.
 * May import: what plugins/ may.
 */
export { serveModule } from "./serve-module.ts";
export type { ServeOptions } from "./serve-module.ts";
