import type { PluginConfig, PluginsConfig } from "../config/index.ts";
import type { TrafficTerms } from "../hooks/index.ts";

/** The terms on which a plugin is shown traffic: its own keys, or else those of all. */
export function trafficTermsOf(plugin: PluginConfig, all: PluginsConfig): TrafficTerms {
  return {
    framing: plugin.framing,
    redactsSecrets: plugin.redactSecrets ?? all.redactSecrets,
    maxMessageBytes: all.maxHookMessageBytes,
    bufferBytes: plugin.hookBufferBytes ?? all.hookBufferBytes,
    flushIntervalMs: plugin.hookFlushInterval ?? all.hookFlushInterval,
  };
}
