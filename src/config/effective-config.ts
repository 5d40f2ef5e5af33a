/** Shows the configuration as it is in effect, and where each value came from. */
import { hidden, hiddenItems, withoutSecrets } from "./hidden-value.ts";
import type { LoadedConfig, Origin } from "./loaded-config.ts";
import {
  globalSchema,
  keySpec,
  type KeySpec,
  pluginsSchema,
  type ReloadEffect,
} from "./schema/index.ts";
import { childSpec } from "./validate-tree.ts";
import { isBranch } from "./value-origins.ts";
import { writeValue, writeYaml, type YamlNotes } from "./yaml-writer.ts";

/**
 * Both files as two YAML documents. Behind each value stands its origin (`default`,
 * `gatewayd.yaml:12`, `env GATEWAYD_...`, `plugin NAME`); secrets are shown as `***`.
 */
export function describeEffectiveConfig(config: LoadedConfig): string {
  const notes: YamlNotes = {
    behind: (path) => describeOrigin(config.origins.get(path)),
    instead: (path, value, spec) => shownValue(value, spec, config.secretPaths.has(path)),
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

/** One value of one of the files. */
export interface EffectiveSetting {
  readonly file: "gatewayd.yaml" | "gatewayd_plugins.yaml";
  /** `pools.default.writes.size` */
  readonly path: string;
  /** As a file writes it; a secret as `***`. */
  readonly value: string;
  readonly origin: string;
  /** A reload leaves it as it is. */
  readonly needsRestart: boolean;
}

/** The same, value by value. */
export function effectiveSettings(config: LoadedConfig): readonly EffectiveSetting[] {
  const settings: EffectiveSetting[] = [];
  const visit = (
    file: EffectiveSetting["file"],
    value: unknown,
    spec: KeySpec,
    path: string,
    inherited: ReloadEffect,
  ): void => {
    if (value === undefined) return;
    const effect = spec.info.reload ?? inherited;
    if (isBranch(value, spec)) {
      for (const [key, child] of Object.entries(value)) {
        const below = childSpec(spec, key);
        if (below === undefined) continue;
        visit(file, child, below, path === "" ? key : `${path}.${key}`, effect);
      }
      return;
    }
    const text = shownValue(value, spec, config.secretPaths.has(path));
    const origin = describeOrigin(config.origins.get(path));
    settings.push({ file, path, value: text, origin, needsRestart: effect === "restart" });
  };
  visit("gatewayd.yaml", config.global, keySpec(globalSchema), "", "live");
  visit("gatewayd_plugins.yaml", config.plugins, keySpec(pluginsSchema), "", "live");
  return settings;
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

function shownValue(value: unknown, spec: KeySpec, isSecret: boolean): string {
  return isSecret ? hide(value) : writeValue(withoutSecrets(value), spec);
}

function hide(value: unknown): string {
  if (!Array.isArray(value)) return JSON.stringify(hidden);
  return `[${hiddenItems(value)
    .map((item) => JSON.stringify(item))
    .join(", ")}]`;
}
