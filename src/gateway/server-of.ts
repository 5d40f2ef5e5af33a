import type { GlobalConfig, ServerConfig } from "../config/index.ts";

/** The listener's part of a group. */
export function serverOf(global: GlobalConfig, group: string): ServerConfig {
  const server = global.servers[group];
  if (server === undefined) throw new Error(`group ${group} has no server`); // Checked at load.
  return server;
}
