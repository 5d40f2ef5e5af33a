import { escapedValue } from "./escaped.ts";
import type { MetricFamily, MetricSample, MetricType } from "./metric-family.ts";

/** Metrics that come from one plugin, or from the gateway itself. */
export interface MetricSource {
  /** The plugin's name; undefined for the gateway. */
  readonly plugin: string | undefined;
  readonly families: readonly MetricFamily[];
}

/** A family that cannot stand beside that of others. */
export interface MetricConflict {
  readonly plugin: string;
  readonly family: string;
  readonly problem: string;
}

/**
 * The families of all sources: each once, sorted by name, under the HELP of the first source that has one, and
 * each sample of a plugin with the label `plugin`. A family has the type that the first source says which says
 * one; where it has another one, or none, it is left out, and so is one whose name is that of a sample of another
 * family.
 */
export function mergeFamilies(sources: readonly MetricSource[]): {
  readonly families: readonly MetricFamily[];
  readonly conflicts: readonly MetricConflict[];
} {
  const agreed = agreedTypes(sources);
  const samplesOf = new Map([...agreed].flatMap(([name, { type }]) => sampleNames(name, type)));
  const merged = new Map<string, MetricFamily>();
  const conflicts: MetricConflict[] = [];
  for (const { plugin, families } of sources) {
    for (const family of families) {
      const problem = problemOf(family, agreed.get(family.name), samplesOf.get(family.name));
      if (problem !== undefined) {
        // The gateway comes first, and has nothing to make way for.
        conflicts.push({ plugin: plugin ?? "", family: family.name, problem });
        continue;
      }
      const present = merged.get(family.name);
      merged.set(family.name, {
        ...family,
        help: present?.help ?? family.help,
        samples: [...(present?.samples ?? []), ...samplesWith(family, plugin)],
      });
    }
  }
  const inOrder = [...merged.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  return { families: inOrder, conflicts };
}

interface Agreed {
  readonly type: MetricType;
  /** Who says so. */
  readonly plugin: string | undefined;
}

/** The types of the families that have one. */
function agreedTypes(sources: readonly MetricSource[]): ReadonlyMap<string, Agreed> {
  const types = new Map<string, Agreed>();
  for (const { plugin, families } of sources) {
    for (const { name, type } of families) {
      if (type !== "untyped" && !types.has(name)) types.set(name, { type, plugin });
    }
  }
  return types;
}

/** What the samples of a family are called, where that is not its name. */
function sampleNames(name: string, type: MetricType): readonly (readonly [string, string])[] {
  if (type !== "histogram" && type !== "summary") return [];
  const suffixes = type === "histogram" ? ["_bucket", "_sum", "_count"] : ["_sum", "_count"];
  return suffixes.map((suffix) => [name + suffix, name] as const);
}

function problemOf(
  { type }: MetricFamily,
  agreed: Agreed | undefined,
  sampleOf: string | undefined,
): string | undefined {
  if (sampleOf !== undefined) return `is the name of a sample of ${sampleOf}`;
  if (agreed === undefined || agreed.type === type) return undefined;
  const whose = agreed.plugin === undefined ? "the gateway" : "another plugin";
  return `is ${withArticle(type)}, and ${withArticle(agreed.type)} of ${whose}`;
}

function withArticle(type: MetricType): string {
  return `${type === "untyped" ? "an" : "a"} ${type}`;
}

/**
 * The samples of a plugin with the label `plugin`. One that was there goes by `exported_plugin`, or a longer name of
 * the kind that no sample of the family has, as Prometheus does it: so samples that were different stay different.
 */
function samplesWith(
  { samples }: MetricFamily,
  plugin: string | undefined,
): readonly MetricSample[] {
  if (plugin === undefined) return samples;
  const taken = new Set(samples.flatMap(({ labels }) => labels.map(([label]) => label)));
  let exported = "exported_plugin";
  while (taken.has(exported)) exported = `exported_${exported}`;
  const own = ["plugin", escapedValue(plugin.replaceAll("-", "_"))] as const;
  return samples.map(({ name, labels, value }) => {
    const kept = labels.map(
      ([label, text]) => [label === "plugin" ? exported : label, text] as const,
    );
    return { name, labels: [...kept, own], value };
  });
}
