import type { PluginConfig } from "../config/index.ts";
import type { PluginHost } from "../plugins/index.ts";
import type { BootTrace } from "./boot-trace.ts";

/** The host, with a span for each start that is part of a boot. Of the environment of a plugin nothing is told. */
export function tracedHost(
  host: PluginHost,
  plugin: PluginConfig,
  index: number,
  boot: () => BootTrace | undefined,
): PluginHost {
  const { name, url, enabled, checksum, localPath, args } = plugin;
  const attributes = { name, url, enabled, checksum, local_path: localPath, args, index };
  return {
    verify: () => host.verify(),
    async start(signal) {
      const trace = boot();
      if (trace === undefined) return await host.start(signal);
      return await trace.step(
        "Load plugin",
        async (inner) => {
          const running = await host.start(signal);
          const { version, hooks } = running.description;
          inner.event("Plugin is ready", { version, hooks: [...hooks] });
          return running;
        },
        attributes,
      );
    },
  };
}
