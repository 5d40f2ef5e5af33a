/** Values of families at one moment, to be made a page of. */
import { escapedHelp, escapedValue } from "./exposition/index.ts";
import type { MetricFamily, MetricSample } from "./exposition/index.ts";
import type { Buckets } from "./buckets.ts";
import { FAMILY_TABLE } from "./family-table.ts";
import type { FamilyDefinition, FamilyName, FamilyOf, LabelsOf } from "./family-table.ts";

type Pairs = readonly (readonly [name: string, value: string])[];

const MS_PER_S = 1_000;

export class Figures {
  readonly #samples = new Map<FamilyName, MetricSample[]>();

  /** Of a counter or a gauge. */
  set<Name extends FamilyOf<"counter" | "gauge">>(
    name: Name,
    labels: LabelsOf<Name>,
    value: number,
  ): void {
    this.#add(name, name, pairsOf(labels), value);
  }

  summary<Name extends FamilyOf<"summary">>(
    name: Name,
    labels: LabelsOf<Name>,
    sum: number,
    count: number,
  ): void {
    const pairs = pairsOf(labels);
    this.#add(name, `${name}_sum`, pairs, sum);
    this.#add(name, `${name}_count`, pairs, count);
  }

  histogram<Name extends FamilyOf<"histogram">>(
    name: Name,
    labels: LabelsOf<Name>,
    { bounds, counts, sumMs, exemplars }: Buckets,
  ): void {
    const pairs = pairsOf(labels);
    let count = 0;
    for (const [place, here] of counts.entries()) {
      count += here;
      const le = ["le", place < bounds.length ? numberText(bounds[place] ?? 0) : "+Inf"] as const;
      this.#add(name, `${name}_bucket`, [...pairs, le], count, exemplars[place]);
    }
    this.#add(name, `${name}_sum`, pairs, sumMs / MS_PER_S);
    this.#add(name, `${name}_count`, pairs, count);
  }

  /** Those that have a value, in the order of the table. */
  families(): readonly MetricFamily[] {
    const table: Readonly<Record<FamilyName, FamilyDefinition>> = FAMILY_TABLE;
    return Object.keys(table).flatMap((key) => {
      const name = key as FamilyName; // Its keys are these.
      const samples = this.#samples.get(name);
      if (samples === undefined) return [];
      const { type, help } = table[name];
      return [{ name, type, help: escapedHelp(help), samples }];
    });
  }

  #add(
    family: FamilyName,
    name: string,
    labels: Pairs,
    value: number,
    exemplar?: MetricSample["exemplar"],
  ): void {
    const samples = this.#samples.get(family);
    const sample = { name, labels, value: numberText(value), exemplar };
    if (samples === undefined) this.#samples.set(family, [sample]);
    else samples.push(sample);
  }
}

function pairsOf(labels: Readonly<Record<string, string>>): Pairs {
  return Object.entries(labels).map(([label, value]) => [label, escapedValue(value)] as const);
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
}
