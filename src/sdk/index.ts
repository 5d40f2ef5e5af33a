/**
 * What plugins written in TypeScript are made with, and what runs them wherever they are: in the gateway, in
 * a worker of it, or in a process of their own.
 * May import: hooks, act, postgres, redis, sql, errors.
 */
export * as pluginApi from "./plugin-api.ts";
export type { PluginLogger } from "./plugin-context.ts";
export type { Session } from "./session.ts";
export { StartedPlugin } from "./started-plugin.ts";
export type { PluginSurroundings } from "./started-plugin.ts";
