import { hasValidChecksum } from "../config/index.ts";
import type { PluginConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import type { PluginHost } from "../plugins/index.ts";

/** What is the same for all plugins. */
export interface PluginSurroundings {
  /** Development: executables need no checksum. */
  readonly dev: boolean;
}

/** Who can run a plugin of the configuration. Of one that nobody can run each start says why. */
export function pluginHostOf(plugin: PluginConfig, { dev }: PluginSurroundings): PluginHost {
  if (plugin.localPath === "") {
    return unusable("it is not installed: its entry has no localPath");
  }
  if (!hasValidChecksum(plugin, dev)) return unusable("its checksum is not a SHA-256");
  return unusable("this version of gatewayd does not run such plugins yet");
}

function unusable(reason: string): PluginHost {
  return { start: () => Promise.reject(new GatewayError("ERR_PLUGIN_UNUSABLE", reason)) };
}
