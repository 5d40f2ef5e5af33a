import type { PluginLogger } from "../../sdk/index.ts";

/** A log as hosts read it from a plugin's standard error: lines of JSON in the form of hclog. */
export function pluginLog(name: string, writeLine: (line: string) => void): PluginLogger {
  const logAt =
    (level: string): PluginLogger["info"] =>
    (message, fields = {}) => {
      const record = {
        "@level": level,
        "@message": message,
        "@module": name,
        "@timestamp": new Date().toISOString(),
        ...Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, plain(value)])),
      };
      writeLine(JSON.stringify(record));
    };
  return {
    trace: logAt("trace"),
    debug: logAt("debug"),
    info: logAt("info"),
    warn: logAt("warn"),
    error: logAt("error"),
  };
}

function plain(value: unknown): unknown {
  if (value instanceof Error) return value.message;
  return typeof value === "bigint" ? String(value) : value;
}
