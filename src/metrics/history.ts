/**
 * What the last minutes were like, by block: made of what is counted anyway, by a look at it every few seconds. Nothing
 * is done for it amid traffic.
 */
import { QUERY_BOUNDS } from "./buckets.ts";
import { quantile } from "./quantile.ts";

/** All that a block has counted so far: it only grows. */
export interface BlockCounts {
  readonly units: number;
  readonly transactions: number;
  readonly errors: number;
  /** From clients, and to them. */
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** All together: how long units took, and how long sessions waited. */
  readonly unitMs: number;
  readonly waitMs: number;
  /** How long units took, and how long sessions waited, in the buckets of {@link QUERY_BOUNDS}. */
  readonly queries: readonly number[];
  readonly waits: readonly number[];
}

/** One block at one moment. */
export interface BlockReading {
  readonly group: string;
  readonly block: string;
  readonly counts: BlockCounts;
  readonly clients: number;
  readonly leased: number;
  readonly waiting: number;
}

/** From the point before to this one. */
export interface HistoryPoint {
  /** Its end, in milliseconds since 1970. */
  readonly atMs: number;
  readonly lastedMs: number;
  readonly unitsPerSecond: number;
  readonly transactionsPerSecond: number;
  readonly errorsPerSecond: number;
  readonly receivedBytesPerSecond: number;
  readonly sentBytesPerSecond: number;
  readonly unitMsPerSecond: number;
  readonly waitMsPerSecond: number;
  readonly latencyP50Ms: number;
  readonly latencyP95Ms: number;
  readonly latencyP99Ms: number;
  readonly waitP95Ms: number;
  readonly clients: number;
  readonly leased: number;
  readonly waiting: number;
}

export interface BlockHistory {
  readonly group: string;
  readonly block: string;
  /** Oldest first. */
  readonly points: readonly HistoryPoint[];
}

export interface HistoryOptions {
  /** Looks at all blocks that are counted. */
  readonly read: () => readonly BlockReading[];
  /** Milliseconds that never jump back. */
  readonly now: () => number;
  /** Milliseconds since 1970. Default: the system's clock. */
  readonly wallNow?: () => number;
}

export const HISTORY_STEP_MS = 5_000;
export const HISTORY_KEPT_MS = 15 * 60_000;
const MAX_POINTS = HISTORY_KEPT_MS / HISTORY_STEP_MS;
const MS_PER_S = 1_000;

/** Of a block that nobody has been led to. */
export const NO_COUNTS: BlockCounts = {
  units: 0,
  transactions: 0,
  errors: 0,
  receivedBytes: 0,
  sentBytes: 0,
  unitMs: 0,
  waitMs: 0,
  queries: [],
  waits: [],
};

interface Track {
  readonly group: string;
  readonly block: string;
  readonly points: HistoryPoint[];
  last: BlockCounts;
}

export class History {
  readonly #options: HistoryOptions;
  readonly #tracks = new Map<string, Track>();
  #lastMs = 0;
  #ticker: Timer | undefined;

  constructor(options: HistoryOptions) {
    this.#options = options;
  }

  /** Makes a point every {@link HISTORY_STEP_MS} until {@link stop}. */
  start(): void {
    this.#lastMs = this.#options.now();
    this.#ticker ??= setInterval(() => this.tick(), HISTORY_STEP_MS);
  }

  stop(): void {
    clearInterval(this.#ticker);
    this.#ticker = undefined;
  }

  /** Ends a step, however long it was. */
  tick(): void {
    const { read, now, wallNow = Date.now } = this.#options;
    const nowMs = now();
    const lastedMs = nowMs - this.#lastMs;
    if (lastedMs <= 0) return;
    this.#lastMs = nowMs;
    const atMs = wallNow();
    for (const reading of read()) {
      const track = this.#trackOf(reading);
      track.points.push(pointOf(track.last, reading, atMs, lastedMs));
      track.last = reading.counts;
    }
    this.#forgetBefore(atMs - HISTORY_KEPT_MS);
  }

  /** @param sinceMs only what is later, in milliseconds since 1970 */
  since(sinceMs: number): readonly BlockHistory[] {
    return [...this.#tracks.values()].map(({ group, block, points }) => ({
      group,
      block,
      points: points.filter(({ atMs }) => atMs > sinceMs),
    }));
  }

  #trackOf({ group, block }: BlockReading): Track {
    const key = `${group}.${block}`;
    const known = this.#tracks.get(key);
    if (known !== undefined) return known;
    const track = { group, block, points: [], last: NO_COUNTS };
    this.#tracks.set(key, track);
    return track;
  }

  /** A block that there is no more has no new points, and is forgotten with its last one. */
  #forgetBefore(atMs: number): void {
    for (const [key, { points }] of this.#tracks) {
      while (points.length > MAX_POINTS || (points[0]?.atMs ?? atMs) < atMs) points.shift();
      if (points.length === 0) this.#tracks.delete(key);
    }
  }
}

function pointOf(
  before: BlockCounts,
  { counts, clients, leased, waiting }: BlockReading,
  atMs: number,
  lastedMs: number,
): HistoryPoint {
  // A block of the same name has taken its place, and has counted from 0.
  const last = counts.units < before.units ? NO_COUNTS : before;
  const perSecond = (of: (counts: BlockCounts) => number): number =>
    ((of(counts) - of(last)) * MS_PER_S) / lastedMs;
  const queries = counts.queries.map((count, place) => count - (last.queries[place] ?? 0));
  const waits = counts.waits.map((count, place) => count - (last.waits[place] ?? 0));
  const msOf = (share: number, grown: readonly number[]): number =>
    quantile(share, QUERY_BOUNDS, grown) * MS_PER_S;
  return {
    atMs,
    lastedMs,
    unitsPerSecond: perSecond(({ units }) => units),
    transactionsPerSecond: perSecond(({ transactions }) => transactions),
    errorsPerSecond: perSecond(({ errors }) => errors),
    receivedBytesPerSecond: perSecond(({ receivedBytes }) => receivedBytes),
    sentBytesPerSecond: perSecond(({ sentBytes }) => sentBytes),
    unitMsPerSecond: perSecond(({ unitMs }) => unitMs),
    waitMsPerSecond: perSecond(({ waitMs }) => waitMs),
    latencyP50Ms: msOf(0.5, queries),
    latencyP95Ms: msOf(0.95, queries),
    latencyP99Ms: msOf(0.99, queries),
    waitP95Ms: msOf(0.95, waits),
    clients,
    leased,
    waiting,
  };
}
