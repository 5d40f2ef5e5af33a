import type { MetricFamily, MetricSample } from "./exposition.ts";

/** Metrics that come from one plugin. */
export interface MetricSource {
  /** The plugin's name. */
  readonly plugin: string;
  readonly families: readonly MetricFamily[];
}

/** A family that cannot stand beside that of another plugin. */
export interface MetricConflict {
  readonly plugin: string;
  readonly family: string;
  readonly problem: string;
}

/**
 * All sources as one text: each family once, sorted by name, under the HELP of the first plugin that has
 * one, and each sample with the label `plugin`. A family whose type is not that of an earlier source is
 * left out.
 */
export function mergeFamilies(sources: readonly MetricSource[]): {
  readonly text: string;
  readonly conflicts: readonly MetricConflict[];
} {
  const merged = new Map<string, MetricFamily>();
  const conflicts: MetricConflict[] = [];
  for (const { plugin, families } of sources) {
    for (const family of families) {
      const { name, type } = family;
      const samples = family.samples.map((sample) => labelled(sample, plugin));
      const present = merged.get(name) ?? { ...family, samples: [] };
      if (present.type !== type) {
        const problem = `is a ${type}, and a ${present.type} of another plugin`;
        conflicts.push({ plugin, family: name, problem });
        continue;
      }
      merged.set(name, {
        ...present,
        help: present.help ?? family.help,
        samples: [...present.samples, ...samples],
      });
    }
  }
  const inOrder = [...merged.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  return { text: inOrder.map(textOf).join(""), conflicts };
}

/** With the label `plugin`; one that was there goes by `exported_plugin`, as Prometheus does it. */
function labelled({ name, labels, value }: MetricSample, plugin: string): MetricSample {
  const kept = labels.map(
    ([label, text]) => [label === "plugin" ? "exported_plugin" : label, text] as const,
  );
  return { name, labels: [...kept, ["plugin", escaped(plugin.replaceAll("-", "_"))]], value };
}

function textOf({ name, help, type, samples }: MetricFamily): string {
  const lines = samples.map(({ name: sampleName, labels, value }) => {
    const pairs = labels.map(([label, text]) => `${label}="${text}"`);
    return `${sampleName}{${pairs.join(",")}} ${value}`;
  });
  if (help !== undefined) lines.unshift(`# HELP ${name} ${help}`);
  const at = help === undefined ? 0 : 1;
  lines.splice(at, 0, `# TYPE ${name} ${type}`);
  return `${lines.join("\n")}\n`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
