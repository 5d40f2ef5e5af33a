import { hasValidChecksum, isModulePath } from "../config/index.ts";
import type { PluginConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import type { Schedule } from "../hooks/index.ts";
import type { Logger } from "../logging/index.ts";
import { createModuleHost, createProcessHost } from "../plugins/index.ts";
import type { PluginHost } from "../plugins/index.ts";

/** What is the same for all plugins. */
export interface PluginSurroundings {
  /** Development: executables need no checksum, and modules are loaded anew when they change. */
  readonly dev: boolean;
}

/** What hosts need of the gateway. */
export interface HostSurroundings extends PluginSurroundings {
  readonly logger: Logger;
  readonly schedule: Schedule;
  /** Time a plugin has to start; 0 = any. */
  readonly startTimeoutMs: number;
  /** Deadline of all handlers of one event together; 0 = none. */
  readonly chainTimeoutMs: number;
  /** Called in development when a module has changed. */
  readonly reload: (name: string) => void;
}

/** Who can run a plugin of the configuration. Of one that nobody can run each start says why. */
export function pluginHostOf(plugin: PluginConfig, surroundings: HostSurroundings): PluginHost {
  const { dev, logger, schedule, startTimeoutMs, chainTimeoutMs, reload } = surroundings;
  if (plugin.localPath === "") {
    return unusable("it is not installed: its entry has no localPath");
  }
  if (!hasValidChecksum(plugin, dev)) return unusable("its checksum is not a SHA-256");
  if (isModulePath(plugin.localPath)) {
    const onChange = (): void => reload(plugin.name);
    const all = { logger, schedule, chainTimeoutMs };
    return createModuleHost(plugin, dev ? { ...all, onChange } : all);
  }
  const verifiesChecksum = !dev;
  const all = { logger, env: process.env, startTimeoutMs, chainTimeoutMs, verifiesChecksum };
  return createProcessHost(plugin, all);
}

function unusable(reason: string): PluginHost {
  const refuse = (): Promise<never> =>
    Promise.reject(new GatewayError("ERR_PLUGIN_UNUSABLE", reason));
  return { verify: refuse, start: refuse };
}
