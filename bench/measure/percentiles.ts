import { quantile } from "./statistics.ts";

/** Latencies that so many per cent of the transactions stayed below, in milliseconds. */
export interface Percentiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** Fewer values than this say nothing about the slowest one in a hundred. */
const MIN_VALUES = 100;

/** The percentiles of latencies; undefined when there are too few of them. */
export function percentilesOf(latenciesMs: readonly number[]): Percentiles | undefined {
  if (latenciesMs.length < MIN_VALUES) return undefined;
  const below = (share: number): number => quantile(latenciesMs, share);
  return { p50: below(0.5), p95: below(0.95), p99: below(0.99) };
}
