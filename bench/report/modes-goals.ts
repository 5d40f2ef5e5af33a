import { type Goal, isLost } from "../result.ts";
import { memoryGoals, noFailures, OURS, type Unjudged } from "./goals.ts";
import {
  copyRows,
  type LoadQuantity,
  loadRows,
  medianOf,
  ratio,
  type Row,
  spread,
} from "./summary.ts";

const DEPTH_4 = "gatewayd-depth4";

/** A share that is to be reached under one load. */
export interface ShareGoal {
  /** Label of the load. */
  readonly load: string;
  readonly quantity: LoadQuantity;
  readonly entry: string;
  readonly to: string;
  /** Throughput is to be at least, anything else at most this share. */
  readonly share: number;
}

const GOALS: readonly ShareGoal[] = [
  share("simple, 16 clients", "throughput", OURS, "pgbouncer", 0.85),
  share("simple, 16 clients", "cpu", OURS, "pgbouncer", 1.3),
  share("simple, 100 clients", "throughput", OURS, "pgbouncer", 0.95),
  share("simple, 100 clients", "cpu", OURS, "pgbouncer", 1.15),
  share("simple, 100 clients", "throughput", DEPTH_4, "pgbouncer", 1.3),
  share("simple, 100 clients", "throughput", DEPTH_4, "direct", 1.4),
  share("simple, 100 clients", "cpu", DEPTH_4, "pgbouncer", 0.85),
  share("simple, 100 clients", "p99", DEPTH_4, "pgbouncer", 1),
  share("extended, 16 clients", "throughput", OURS, "direct", 0.5),
  share("prepared, 16 clients", "throughput", OURS, "direct", 0.5),
  share("extended, 100 clients", "throughput", DEPTH_4, "direct", 1.15),
  share("prepared, 100 clients", "throughput", DEPTH_4, "direct", 1.15),
  share("reconnecting, 16 clients", "throughput", OURS, "pgbouncer", 0.9),
  share("writes, 100 clients", "throughput", OURS, "pgbouncer", 0.95),
];

/** Loads at which a floor's throughput is to be reached, and how much of it. */
const FLOOR_LOADS = ["simple, 16 clients", "simple, 100 clients"] as const;
const FLOOR_SHARE = 0.9;

const MANY = { load: "simple, 1000 clients", of: "simple, 100 clients", share: 0.85 } as const;
const COPY_SHARE = 0.9;

/** The goals of few server connections for many clients; the floors do the same without being safe. */
export function modesGoals(result: Unjudged, floors: readonly string[]): readonly Goal[] {
  const rows = loadRows(result, "throughput");
  return [
    ...noFailures(result),
    ...[...GOALS, ...floors.flatMap(floorGoals)].flatMap((goal) => shareGoal(result, goal)),
    ...[OURS, DEPTH_4].flatMap((entry) => manyClientsGoal(result, rows, entry)),
    ...copyRows(result, "throughput").map((row) =>
      judged(`${row.label}: throughput of ${OURS} to pgbouncer`, COPY_SHARE, "throughput", {
        measured: ratio(row, OURS, "pgbouncer"),
        spread: spread(row, result),
      }),
    ),
    ...memoryGoals(result),
  ];
}

/** A floor that multiplexes is compared with what multiplexes here. */
function floorGoals(floor: string): readonly ShareGoal[] {
  const entry = floor.startsWith("multiplex") ? DEPTH_4 : OURS;
  return FLOOR_LOADS.filter((load) => entry === OURS || load !== FLOOR_LOADS[0]).map((load) =>
    share(load, "throughput", entry, floor, FLOOR_SHARE),
  );
}

/** Whether a share is reached, if it was measured. */
export function shareGoal(result: Unjudged, goal: ShareGoal): readonly Goal[] {
  const { load, quantity, entry, to } = goal;
  const row = loadRows(result, quantity).find(({ label }) => label === load);
  if (row === undefined) return [];
  const measured = ratio(row, entry, to);
  const text = `${load}: ${NAMES[quantity]} of ${entry} to ${to}`;
  const hasFailed = failed(result, load, entry);
  return [judged(text, goal.share, quantity, { measured, hasFailed, spread: spread(row, result) })];
}

/** Whether a throughput is so many times another one that was measured elsewhere. */
export function timesGoal(
  result: Unjudged,
  load: string,
  entry: string,
  than: { readonly name: string; readonly perSecond: number },
  wanted: number,
): readonly Goal[] {
  const row = loadRows(result, "throughput").find(({ label }) => label === load);
  if (row === undefined) return [];
  const median = medianOf(row, entry);
  const measured = median === undefined ? undefined : median / than.perSecond;
  const text = `${load}: throughput of ${entry} to the ${than.perSecond} a second of ${than.name}`;
  const hasFailed = failed(result, load, entry);
  return [judged(text, wanted, "throughput", { measured, hasFailed, spread: spread(row, result) })];
}

/** Ten times the clients must not cost the throughput. */
function manyClientsGoal(result: Unjudged, rows: readonly Row[], entry: string): readonly Goal[] {
  const [many, few] = [MANY.load, MANY.of].map((load) => rows.find(({ label }) => label === load));
  if (many === undefined || few === undefined) return [];
  const [value, base] = [medianOf(many, entry), medianOf(few, entry)];
  const measured =
    value === undefined || base === undefined || base === 0 ? undefined : value / base;
  const text = `${MANY.load}: throughput of ${entry} to its own with 100`;
  const hasFailed = failed(result, MANY.load, entry);
  const found = { measured, hasFailed, spread: spread(many, result) };
  return [judged(text, MANY.share, "throughput", found)];
}

function failed({ loads }: Unjudged, load: string, entry: string): boolean {
  return loads.some(({ label, samples }) => label === load && samples[entry]?.some(isLost));
}

const NAMES: Readonly<Record<LoadQuantity, string>> = {
  throughput: "throughput",
  cpu: "CPU",
  latency: "average latency",
  p50: "p50",
  p95: "p95",
  p99: "p99",
};

function judged(
  text: string,
  wanted: number,
  quantity: LoadQuantity,
  found: {
    readonly measured: number | undefined;
    readonly spread: number | undefined;
    /** There is nothing to measure because it does not work. */
    readonly hasFailed?: boolean;
  },
): Goal {
  const { measured, hasFailed } = found;
  const isMore = quantity === "throughput";
  const goal = {
    text,
    target: `${isMore ? ">=" : "<="} ${wanted}x`,
    ...(found.spread !== undefined && { spread: found.spread }),
  };
  if (measured === undefined) {
    return hasFailed
      ? { ...goal, measured: "failed", isReached: false }
      : { ...goal, measured: "not measured" };
  }
  const isReached = isMore ? measured >= wanted : measured <= wanted;
  return { ...goal, measured: `${measured.toFixed(2)}x`, isReached };
}

export function share(
  load: string,
  quantity: LoadQuantity,
  entry: string,
  to: string,
  wanted: number,
): ShareGoal {
  return { load, quantity, entry, to, share: wanted };
}
