import { median, pairSpread } from "../measure/index.ts";
import { type BenchResult, isLost, type LoadSample } from "../result.ts";

/** One measured quantity under one condition, for every entry. */
export interface Row {
  /** E.g. `simple, 16 clients`. */
  readonly label: string;
  /** Samples by entry, the control's twin among them; an entry without this quantity is absent. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

/** The median of an entry; undefined when it has no samples. */
export function medianOf(row: Row, entry: string): number | undefined {
  const samples = row.samples[entry];
  return samples === undefined || samples.length === 0 ? undefined : median(samples);
}

/** The median of an entry as a share of another's; undefined when one of them is missing or 0. */
export function ratio(row: Row, entry: string, to: string): number | undefined {
  const value = medianOf(row, entry);
  const base = medianOf(row, to);
  return value === undefined || base === undefined || base === 0 ? undefined : value / base;
}

/** How far apart the two measurements of the control lie, as a share of 1; undefined without a control. */
export function spread(row: Row, { control }: Pick<BenchResult, "control">): number | undefined {
  const [first, second] = [row.samples[control.entry], row.samples[control.twin]];
  if (!first?.length || !second?.length || !first.some((value) => value > 0)) return undefined;
  return pairSpread(first, second);
}

/** What pgbench reports, and the CPU counted beside it. */
const QUANTITIES = {
  throughput: (sample) => sample.transactionsPerSecond,
  latency: (sample) => sample.latencyMs,
  p50: (sample) => sample.percentilesMs?.p50,
  p95: (sample) => sample.percentilesMs?.p95,
  p99: (sample) => sample.percentilesMs?.p99,
  cpu: (sample) => sample.cpuMicrosPerTransaction,
} as const satisfies Record<string, (sample: LoadSample) => number | undefined>;
export type LoadQuantity = keyof typeof QUANTITIES;

/** One row per load. */
export function loadRows(
  result: Pick<BenchResult, "loads">,
  quantity: LoadQuantity,
): readonly Row[] {
  return result.loads.map(({ label, samples }) => ({
    label,
    samples: keep(samples, (sample) => (isLost(sample) ? undefined : QUANTITIES[quantity](sample))),
  }));
}

/** One row per direction of COPY. */
export function copyRows(
  result: Pick<BenchResult, "copies">,
  quantity: "throughput" | "cpu",
): readonly Row[] {
  return result.copies.map(({ direction, samples }) => ({
    label: `COPY ${direction}`,
    samples: keep(samples, (sample) =>
      quantity === "throughput" ? sample.megabytesPerSecond : sample.cpuMsPerGigabyte,
    ),
  }));
}

/** Entries that gave a number every time; the others are left out. */
function keep<T>(
  samples: Readonly<Record<string, readonly T[]>>,
  numberOf: (sample: T) => number | undefined,
): Record<string, readonly number[]> {
  return Object.fromEntries(
    Object.entries(samples).flatMap(([entry, list]) => {
      const numbers = list.flatMap((sample) => numberOf(sample) ?? []);
      return numbers.length > 0 && numbers.length === list.length ? [[entry, numbers]] : [];
    }),
  );
}

/** Transactions and connections that failed, by entry: what a run must not have. */
export function failures(result: Pick<BenchResult, "loads">): readonly string[] {
  return result.loads.flatMap(({ label, samples }) =>
    Object.entries(samples).flatMap(([entry, list]) => {
      const failed = list.reduce((sum, sample) => sum + sample.failed, 0);
      const problem = list.find((sample) => sample.problem !== undefined)?.problem;
      if (failed === 0 && problem === undefined) return [];
      return [`${entry}, ${label}: ${failed} failed transactions${problem ? `; ${problem}` : ""}`];
    }),
  );
}
