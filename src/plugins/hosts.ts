/** The ways to run a plugin. Who has no plugin of a kind does without the code for it in memory. */
import type { PluginHost } from "./plugin-host.ts";
import type { createModuleHost as CreateModuleHost } from "./module/index.ts";
import type { createProcessHost as CreateProcessHost } from "./process/index.ts";
import type { ServeOptions } from "./serve/index.ts";

/** Runs a plugin as a process of its own. */
export function createProcessHost(...given: Parameters<typeof CreateProcessHost>): PluginHost {
  return hostOf(async () => (await import("./process/index.ts")).createProcessHost(...given));
}

/** Runs a plugin that is a file of TypeScript or JavaScript. */
export function createModuleHost(...given: Parameters<typeof CreateModuleHost>): PluginHost {
  return hostOf(async () => (await import("./module/index.ts")).createModuleHost(...given));
}

/** Is the process that a host of plugins starts. */
export async function serveModule(options: ServeOptions): Promise<void> {
  await (await import("./serve/index.ts")).serveModule(options);
}

function hostOf(load: () => Promise<PluginHost>): PluginHost {
  let host: Promise<PluginHost> | undefined;
  const loaded = (): Promise<PluginHost> => (host ??= load());
  return {
    verify: async () => await (await loaded()).verify(),
    start: async (signal) => await (await loaded()).start(signal),
  };
}
