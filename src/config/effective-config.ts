/** Shows the configuration as it is in effect, and where each value came from. */
import type { LoadedConfig, Origin } from "./loaded-config.ts";
import { globalSchema, keySpec, pluginsSchema } from "./schema/index.ts";
import { writeYaml, type YamlNotes } from "./yaml-writer.ts";

const HIDDEN = "***";

/**
 * Both files as two YAML documents. Behind each value stands its origin (`default`,
 * `gatewayd.yaml:12`, `env GATEWAYD_...`, `plugin NAME`); secrets are shown as `***`.
 */
export function describeEffectiveConfig(config: LoadedConfig): string {
  const notes: YamlNotes = {
    behind: (path) => describeOrigin(config.origins.get(path)),
    instead: (path, value) => (config.secretPaths.has(path) ? hide(value) : undefined),
  };
  const lines = [
    `# ${config.globalPath}`,
    ...writeYaml(config.global, keySpec(globalSchema), notes),
    "---",
    `# ${config.pluginsPath ?? "no plugins file"}`,
    ...writeYaml(config.plugins, keySpec(pluginsSchema), notes),
  ];
  return `${lines.join("\n")}\n`;
}

function describeOrigin(origin: Origin | undefined): string {
  switch (origin?.kind) {
    case "file":
      return `${origin.file}:${origin.line}`;
    case "env":
      return `env ${origin.variable}`;
    case "plugin":
      return `plugin ${origin.plugin}`;
    default:
      return "default";
  }
}

/** Lists keep their length, and environment variables their names. */
function hide(value: unknown): string {
  if (!Array.isArray(value)) return JSON.stringify(HIDDEN);
  const items = value.map((item) => `${/^[^=]+=/.exec(String(item))?.[0] ?? ""}${HIDDEN}`);
  return `[${items.map((item) => JSON.stringify(item)).join(", ")}]`;
}
