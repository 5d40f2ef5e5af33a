/**
 * Installs plugins: fetches an archive from a release or takes one from the disk, verifies it, puts its plugin in
 * place and enters it into the plugins configuration. All of it, or nothing.
 * May import: errors, logging, config.
 */
export { InstallError } from "./install-error.ts";
export { installPlugin } from "./install-plugin.ts";
export type { InstallOptions } from "./install-plugin.ts";
export { pluginSource } from "./plugin-source.ts";
export type { PluginSource } from "./plugin-source.ts";
