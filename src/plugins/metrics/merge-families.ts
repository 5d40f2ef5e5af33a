import type { MetricFamily, MetricSample, MetricType } from "./exposition.ts";

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
 * one, and each sample with the label `plugin`. A family has the type that the first source says which says
 * one; where it has another one, or none, it is left out.
 */
export function mergeFamilies(sources: readonly MetricSource[]): {
  readonly text: string;
  readonly conflicts: readonly MetricConflict[];
} {
  const types = typesOf(sources);
  const merged = new Map<string, MetricFamily>();
  const conflicts: MetricConflict[] = [];
  for (const { plugin, families } of sources) {
    for (const family of families) {
      const { name, type } = family;
      const agreed = types.get(name);
      if (agreed !== undefined && agreed !== type) {
        const problem = `is ${withArticle(type)}, and ${withArticle(agreed)} of another plugin`;
        conflicts.push({ plugin, family: name, problem });
        continue;
      }
      const present = merged.get(name);
      merged.set(name, {
        ...family,
        help: present?.help ?? family.help,
        samples: [...(present?.samples ?? []), ...labelled(family, plugin)],
      });
    }
  }
  const inOrder = [...merged.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  return { text: inOrder.map(textOf).join(""), conflicts };
}

/** The types of the families that have one. */
function typesOf(sources: readonly MetricSource[]): ReadonlyMap<string, MetricType> {
  const types = new Map<string, MetricType>();
  for (const { name, type } of sources.flatMap(({ families }) => families)) {
    if (type !== "untyped" && !types.has(name)) types.set(name, type);
  }
  return types;
}

function withArticle(type: MetricType): string {
  return `${type === "untyped" ? "an" : "a"} ${type}`;
}

/**
 * The samples with the label `plugin`. One that was there goes by `exported_plugin`, or a longer name of the kind
 * that no sample of the family has, as Prometheus does it: so samples that were different stay different.
 */
function labelled({ samples }: MetricFamily, plugin: string): readonly MetricSample[] {
  const taken = new Set(samples.flatMap(({ labels }) => labels.map(([label]) => label)));
  let exported = "exported_plugin";
  while (taken.has(exported)) exported = `exported_${exported}`;
  const own = ["plugin", escaped(plugin.replaceAll("-", "_"))] as const;
  return samples.map(({ name, labels, value }) => {
    const kept = labels.map(
      ([label, text]) => [label === "plugin" ? exported : label, text] as const,
    );
    return { name, labels: [...kept, own], value };
  });
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
