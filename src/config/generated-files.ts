/** The files of the repository that follow from the schemas. */
import { renderConfigurationDocs } from "./configuration-docs.ts";
import { defaultGlobalYaml, defaultPluginsYaml } from "./default-files.ts";
import { globalJsonSchema, pluginsJsonSchema } from "./schema/index.ts";

/** Paths from the top of the repository, and what the files must hold. */
export function generatedConfigFiles(): { path: string; content: string }[] {
  return [
    { path: "docs/configuration.md", content: renderConfigurationDocs() },
    { path: "config/gatewayd.yaml", content: defaultGlobalYaml() },
    { path: "config/gatewayd_plugins.yaml", content: defaultPluginsYaml() },
    { path: "config/gatewayd.schema.json", content: `${writeJson(globalJsonSchema())}\n` },
    { path: "config/gatewayd_plugins.schema.json", content: `${writeJson(pluginsJsonSchema())}\n` },
  ];
}

const LINE_WIDTH = 100;

/** JSON as the formatter writes it: lists of single values on one line if they fit. */
function writeJson(value: unknown, indent = "", before = 0): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items: readonly unknown[] = value;
    const line = `[${items.map((item) => JSON.stringify(item)).join(", ")}]`;
    const isFlat = items.every((item) => typeof item !== "object" || item === null);
    // One more for the comma behind it.
    if (isFlat && indent.length + before + line.length + 1 <= LINE_WIDTH) return line;
    return `[\n${items.map((item) => `${inner}${writeJson(item, inner)}`).join(",\n")}\n${indent}]`;
  }
  const pairs = Object.entries(value).map(([key, child]) => {
    const start = `${JSON.stringify(key)}: `;
    return `${inner}${start}${writeJson(child, inner, start.length)}`;
  });
  return pairs.length === 0 ? "{}" : `{\n${pairs.join(",\n")}\n${indent}}`;
}
