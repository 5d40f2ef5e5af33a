import type { Exemplar } from "./exposition/index.ts";

/** Upper bounds in seconds, for what takes from a tenth of a millisecond to a minute. */
export const QUERY_BOUNDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  30, 60,
] as const;

/** For calls of handlers, which may be as short as a function call. */
export const CALL_BOUNDS = [
  0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
  0.25, 0.5, 1, 2.5, 5, 10,
] as const;

const MS_PER_S = 1_000;

/**
 * How durations are distributed: counted amid traffic, so that nothing is made and nothing looked up for an
 * observation.
 */
export class Buckets {
  /** In seconds, ascending. */
  readonly bounds: readonly number[];
  /** How many fell between the bound before and this one; the last beyond all bounds. */
  readonly counts: number[];
  sumMs = 0;
  /** The last trace of each bucket; empty where nothing is traced. */
  readonly exemplars: (Exemplar | undefined)[] = [];
  readonly #boundsMs: number[];

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#boundsMs = bounds.map((bound) => bound * MS_PER_S);
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(ms: number): void {
    this.sumMs += ms;
    this.#count(ms);
  }

  /** @param traceId of a trace that shows it */
  observeTraced(ms: number, traceId: string, unixMs: number): void {
    this.sumMs += ms;
    this.exemplars[this.#count(ms)] = { traceId, value: ms / MS_PER_S, at: unixMs / MS_PER_S };
  }

  #count(ms: number): number {
    const bounds = this.#boundsMs;
    let place = 0;
    // Most are short: they are found at once.
    while (place < bounds.length && ms > (bounds[place] ?? 0)) place++;
    this.counts[place] = (this.counts[place] ?? 0) + 1;
    return place;
  }
}
