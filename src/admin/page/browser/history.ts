/** The figures of the last minutes, of which the gateway tells only what is new each time. */
import type { GetHistoryResponse, HistoryPoint } from "../../gen/gatewayd/admin/v1/traffic_pb.ts";
import type { JsonOf } from "./json-of.ts";

export type Point = JsonOf<HistoryPoint>;

/** A block of a group; undefined where all are meant. */
export interface BlockName {
  readonly group: string;
  readonly block: string;
}

/** As it stands in addresses of parts and in tables. */
export function nameOf({ group, block }: BlockName): string {
  return `${group} / ${block}`;
}

interface Kept extends BlockName {
  readonly points: Point[];
}

/** One moment of what is looked at: of a block, or of all together. */
export interface Moment {
  readonly ms: number;
  readonly unitsPerSecond: number;
  readonly transactionsPerSecond: number;
  readonly errorsPerSecond: number;
  /** Undefined where nothing was measured. Of several blocks it is the slowest one's: percentiles have no sum. */
  readonly latencyMs:
    { readonly p50: number; readonly p95: number; readonly p99: number } | undefined;
  readonly waitP95Ms: number;
  readonly clients: number;
  readonly leased: number;
  readonly waiting: number;
}

export class History {
  readonly #blocks = new Map<string, Kept>();
  #latestMs = 0;
  #stepMs = 0;

  /** Of the newest point; 0 when there is none. */
  get latestMs(): number {
    return this.#latestMs;
  }

  /** So often there is a new one; 0 when that is not known yet. */
  get stepMs(): number {
    return this.#stepMs;
  }

  /** Those of which there are figures, or will be. */
  get blocks(): readonly BlockName[] {
    return [...this.#blocks.values()];
  }

  /** Another gateway answers: what is known is none of its own. */
  clear(): void {
    this.#blocks.clear();
    this.#latestMs = 0;
  }

  add({ blocks, keptMs, stepMs, nowMs }: JsonOf<GetHistoryResponse>): void {
    // The clock of the gateway was set back: what is new would seem to be known.
    if (nowMs < this.#latestMs) this.clear();
    this.#stepMs = stepMs;
    const there = new Set(blocks.map(nameOf));
    for (const name of this.#blocks.keys()) if (!there.has(name)) this.#blocks.delete(name);
    for (const { group, block, points } of blocks) {
      const known = this.#blocks.get(nameOf({ group, block })) ?? { group, block, points: [] };
      this.#blocks.set(nameOf(known), known);
      known.points.push(...points.filter(({ atMs }) => atMs > (known.points.at(-1)?.atMs ?? 0)));
      const firstKept = known.points.findIndex(({ atMs }) => atMs >= nowMs - keptMs);
      known.points.splice(0, firstKept === -1 ? known.points.length : firstKept);
      this.#latestMs = Math.max(this.#latestMs, known.points.at(-1)?.atMs ?? 0);
    }
  }

  /** Oldest first. @param only undefined: all blocks together */
  moments(only: BlockName | undefined, sinceMs: number): readonly Moment[] {
    const chosen = [...this.#blocks.values()].filter(
      (one) => only === undefined || nameOf(one) === nameOf(only),
    );
    const byTime = new Map<number, Point[]>();
    for (const point of chosen.flatMap(({ points }) => points)) {
      if (point.atMs < sinceMs) continue;
      const together = byTime.get(point.atMs);
      if (together === undefined) byTime.set(point.atMs, [point]);
      else together.push(point);
    }
    return [...byTime]
      .sort(([one], [other]) => one - other)
      .map(([ms, points]) => momentOf(ms, points));
  }
}

function momentOf(ms: number, points: readonly Point[]): Moment {
  const sum = (figure: (point: Point) => number): number =>
    points.reduce((total, point) => total + figure(point), 0);
  const measured = points.filter(({ unitsPerSecond }) => unitsPerSecond > 0);
  const greatest = (figure: (point: Point) => number): number =>
    Math.max(0, ...measured.map(figure));
  return {
    ms,
    unitsPerSecond: sum((point) => point.unitsPerSecond),
    transactionsPerSecond: sum((point) => point.transactionsPerSecond),
    errorsPerSecond: sum((point) => point.errorsPerSecond),
    latencyMs:
      measured.length === 0
        ? undefined
        : {
            p50: greatest((point) => point.latencyP50Ms),
            p95: greatest((point) => point.latencyP95Ms),
            p99: greatest((point) => point.latencyP99Ms),
          },
    waitP95Ms: greatest((point) => point.waitP95Ms),
    clients: sum((point) => point.clients),
    leased: sum((point) => point.leased),
    waiting: sum((point) => point.waiting),
  };
}
