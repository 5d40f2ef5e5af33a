/** The schema of gatewayd_plugins.yaml: the only source of its keys, types, defaults and texts. */
import * as z from "zod";
import { newKeys, note, onReload } from "./key-info.ts";
import { ruleSchema } from "./rule-schema.ts";
import { boolean, byteSize, choice, duration, notEmpty, text } from "./scalars.ts";

const pluginSchema = z.strictObject({
  name: text((value) => (value === "" ? "must not be empty" : undefined)).describe(
    "The name the plugin gives itself.",
  ),
  enabled: boolean().prefault(true).describe("Whether the plugin is started."),
  localPath: text()
    .prefault("")
    .describe("The plugin: an executable, or a module (`.ts`, `.js`, `.mjs`)."),
  url: text().prefault("").describe("Where `gatewayd plugin install` gets it from."),
  args: z.array(text()).prefault([]).describe("Arguments of the executable."),
  env: z
    .array(note(text(environmentProblem), { isSecret: true }))
    .prefault([])
    .describe("Environment variables of the plugin, each `NAME=value`."),
  checksum: text()
    .prefault("")
    .describe("SHA-256 of the file, 64 hexadecimal digits; needed for an executable."),
  ...newKeys({
    onError: choice(["continue", "terminate"])
      .prefault("continue")
      .describe(
        "What happens to a request when the plugin fails or is not there: it goes on as if there were no plugin, or it is refused.",
      ),
    isolation: choice(["inline", "worker"])
      .prefault("inline")
      .describe(
        "Where a module runs: `inline`, where it costs the least, or in a `worker` that is killed when a call takes longer than the timeout.",
      ),
    timeout: duration()
      .prefault("0")
      .describe("Deadline of one call, within `timeout` of the whole file; 0 = none of its own."),
    framing: choice(["unit", "statement"])
      .prefault("unit")
      .describe(
        "What one call gets of a batch of extended messages: all of it, or what belongs to one Parse.",
      ),
    passEnv: z
      .array(text(notEmpty))
      .prefault(["*"])
      .describe(
        "Environment variables of the gateway that an executable sees too: names, or patterns with `*` and `?`.",
      ),
    config: z
      .record(z.string(), z.unknown())
      .prefault({})
      .describe("Settings of a module; the module says which there are."),
    hookBufferBytes: byteSize({ min: 1 })
      .optional()
      .describe(
        "In place of `hookBufferBytes` of all; the smallest of those who see answers counts.",
      ),
    hookFlushInterval: duration()
      .optional()
      .describe(
        "In place of `hookFlushInterval` of all; the smallest of those who see answers counts.",
      ),
    maxHookMessageBytes: byteSize({ min: 1024, max: 2 ** 31 - 1 })
      .prefault("64MiB")
      .describe("Longest message to or from an executable; a call that would be longer fails."),
    redactSecrets: boolean().optional().describe("In place of `redactSecrets` of all."),
  }),
});

const policySchema = z.strictObject({
  name: text(notEmpty).describe(
    "The signals it is for: `terminate`, `log` or `passthrough`. It takes the place of the built-in one.",
  ),
  policy: text(notEmpty).describe(
    "When the signal counts: an expression in CEL (docs/policies.md).",
  ),
  metadata: z
    .record(z.string(), z.unknown())
    .prefault({})
    .describe("Values that the expression finds in `Policy`."),
});

const actionRedisSchema = z.strictObject({
  enabled: boolean().prefault(false).describe("Publishes asynchronous actions to Redis."),
  address: text(notEmpty)
    .prefault("localhost:6379")
    .describe("Address of Redis, or a URL such as `rediss://user:password@host:6379`."),
  channel: text(notEmpty)
    .prefault("gatewayd-actions")
    .describe("Channel the actions are published on."),
  ...newKeys({
    consume: boolean()
      .prefault(true)
      .describe("Reads the channel as well, and does the actions that come by it."),
  }),
});

const fileSchema = z.strictObject({
  enableMetricsMerger: boolean().prefault(true).describe("Merges the plugins' metrics into ours."),
  metricsMergerPeriod: duration().prefault("5s").describe("Time between two reads of them."),
  healthCheckPeriod: duration()
    .prefault("5s")
    .describe("Time between two pings of a plugin; 0 = no pings."),
  reloadOnCrash: boolean()
    .prefault(true)
    .describe("Restarts a plugin that has ended, answers no ping or does not start."),
  timeout: duration()
    .prefault("30s")
    .describe("Deadline of all handlers of one event together; 0 = none."),
  startTimeout: duration().prefault("1m").describe("Time a plugin has to start; 0 = any."),
  defaultPolicy: choice(["passthrough", "terminate"])
    .prefault("passthrough")
    .describe("The signal of plugins that give none."),
  policyTimeout: duration().prefault("30s").describe("Time one policy may take."),
  actionTimeout: duration().prefault("30s").describe("Time one action may take; 0 = none."),
  actionRedis: actionRedisSchema.prefault({}).describe("Asynchronous actions through Redis."),
  policies: z
    .array(policySchema)
    .prefault([])
    .describe("Which signals of plugins count (docs/policies.md)."),
  plugins: z
    .array(pluginSchema)
    .prefault([])
    .describe("The plugins, in the order they are called."),
  ...newKeys({
    rules: z
      .array(ruleSchema)
      .prefault([])
      .describe("What happens on hooks without any plugin, in order (docs/policies.md)."),
    hookBufferBytes: byteSize({ min: 1 })
      .prefault("1MiB")
      .describe(
        "Bytes of an answer gathered for one call, at most half of `maxHookMessageBytes`; a larger one comes in parts.",
      ),
    hookFlushInterval: duration()
      .prefault("5ms")
      .describe("An answer that pauses this long is handed over as far as it came."),
    maxHookMessageBytes: byteSize({ min: 1 })
      .prefault("64MiB")
      .describe(
        "Longest request and answer, together, that a plugin is shown; otherwise its call has failed.",
      ),
    redactSecrets: boolean()
      .prefault(false)
      .describe("Shows plugins passwords only as asterisks; the server gets what the client sent."),
    pluginInstallBaseUrl: text(urlProblem)
      .prefault("https://api.github.com")
      .describe(
        "Where `gatewayd plugin install` asks for releases: GitHub's interface, or its like.",
      ),
  }),
});

export const pluginsSchema = onReload("live", fileSchema);

/** gatewayd_plugins.yaml, parsed: every default filled in, durations in milliseconds. */
export type PluginsConfig = z.output<typeof pluginsSchema>;

/** One entry of `plugins`. */
export type PluginConfig = PluginsConfig["plugins"][number];

/** One entry of `rules`. */
export type RuleConfig = PluginsConfig["rules"][number];

/** One entry of `policies`. */
export type PolicyConfig = PluginsConfig["policies"][number];

function urlProblem(value: string): string | undefined {
  const isUrl = /^https?:\/\//.test(value) && URL.canParse(value);
  return isUrl ? undefined : `must be an http or https URL, not "${value}"`;
}

function environmentProblem(value: string): string | undefined {
  return /^[^=]+=/.test(value) ? undefined : "must be NAME=value";
}
