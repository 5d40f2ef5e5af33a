import { isModulePath } from "../config/index.ts";
import type { PluginConfig, PluginsConfig } from "../config/index.ts";
import type { TrafficTerms } from "../hooks/index.ts";

/**
 * The terms on which a plugin is shown traffic: its own keys, or else those of all. A batch and a part of an
 * answer are no longer than what may be shown of both together.
 */
export function trafficTermsOf(plugin: PluginConfig, all: PluginsConfig): TrafficTerms {
  const maxMessageBytes = isModulePath(plugin.localPath)
    ? all.maxHookMessageBytes
    : Math.min(plugin.maxHookMessageBytes, all.maxHookMessageBytes);
  const wishedBytes = plugin.hookBufferBytes ?? all.hookBufferBytes;
  const bufferBytes = Math.min(wishedBytes, Math.ceil(maxMessageBytes / 2));
  return {
    framing: plugin.framing,
    redactsSecrets: plugin.redactSecrets ?? all.redactSecrets,
    maxMessageBytes,
    batchBytes: Math.max(1, maxMessageBytes - bufferBytes),
    bufferBytes,
    flushIntervalMs: plugin.hookFlushInterval ?? all.hookFlushInterval,
  };
}
