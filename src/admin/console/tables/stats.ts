/** PgBouncer's tables of what has been done, in its units: counts, bytes, microseconds. */
import type { BlockTotals, HistoryPoint } from "../../gen/gatewayd/admin/v1/traffic_pb.ts";
import type { Asking } from "../asker.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";
import type { ColumnOf, ConsoleTable } from "../console-table.ts";
import { namedPools } from "./named-pools.ts";
import { blockName } from "../block-name.ts";

interface Figures {
  readonly transactions: number;
  readonly units: number;
  readonly receivedBytes: number;
  readonly sentBytes: number;
  /** That units took: who has a transaction open and asks for nothing is not counted meanwhile. */
  readonly transactionMicros: number;
  readonly unitMicros: number;
  readonly waitMicros: number;
}

/** What a block has done so far, and in the last minute: by the second, times by what they are of. */
interface Row {
  readonly name: string;
  readonly totals: Figures;
  readonly averages: Figures;
}

/** What is shown under which names: by itself, as a total, as an average. */
const FIGURES = [
  ["transactions", "xact_count", "total_xact_count", "avg_xact_count"],
  ["units", "query_count", "total_query_count", "avg_query_count"],
  ["receivedBytes", "bytes_received", "total_received", "avg_recv"],
  ["sentBytes", "bytes_sent", "total_sent", "avg_sent"],
  ["transactionMicros", "xact_time", "total_xact_time", "avg_xact_time"],
  ["unitMicros", "query_time", "total_query_time", "avg_query_time"],
  ["waitMicros", "wait_time", "total_wait_time", "avg_wait_time"],
] as const satisfies readonly (readonly [keyof Figures, string, string, string])[];

/** How far back averages go. */
const AVERAGED_MS = 60_000;
const MS_PER_S = 1_000;
const MICROS_PER_MS = 1_000;

const DATABASE: ColumnOf<Row> = ["database", TYPES.text, ({ name }) => name];

type Kind = "totals" | "averages";

function columns(kind: Kind, place: 1 | 2 | 3): readonly ColumnOf<Row>[] {
  return FIGURES.map((figure) => {
    const [key] = figure;
    return [figure[place], TYPES.numeric, (row: Row) => Math.round(row[kind][key])];
  });
}

/** `SHOW STATS`, `SHOW STATS_TOTALS`, `SHOW STATS_AVERAGES` and `SHOW TOTALS`. */
export const statsTables: readonly ConsoleTable[] = [
  table(
    "stats",
    "What each database has done since the start, and by the second in the last minute.",
    [DATABASE, ...columns("totals", 2), ...columns("averages", 3)],
    rows,
  ),
  table("stats_totals", "The first half of it.", [DATABASE, ...columns("totals", 1)], rows),
  table("stats_averages", "The other half.", [DATABASE, ...columns("averages", 1)], rows),
  table(
    "totals",
    "The same of all databases together.",
    [
      ["name", TYPES.text, ([name]: Total) => name],
      ["value", TYPES.numeric, ([, value]: Total) => value],
    ],
    totals,
  ),
];

type Total = readonly [name: string, value: number];

async function totals(asker: Asking): Promise<readonly Total[]> {
  const shown = await rows(asker);
  const sum = (kind: Kind, key: keyof Figures): number =>
    Math.round(shown.reduce((total, row) => total + row[kind][key], 0));
  return [
    ...FIGURES.map(([key, , name]): Total => [name, sum("totals", key)]),
    ...FIGURES.map(([key, , , name]): Total => [name, sum("averages", key)]),
  ];
}

async function rows(asker: Asking): Promise<readonly Row[]> {
  const [pools, { blocks }, history] = await Promise.all([
    namedPools(asker),
    asker.ask("listTotals", {}),
    asker.ask("getHistory", { sinceMs: Date.now() - AVERAGED_MS }),
  ]);
  return pools.flatMap((pool): readonly Row[] => {
    const counted = blocks.find((block) => blockName(block) === blockName(pool));
    if (counted === undefined) return [];
    const points =
      history.blocks.find((block) => blockName(block) === blockName(pool))?.points ?? [];
    return [{ name: pool.name, totals: totalsOf(counted), averages: averagesOf(points) }];
  });
}

function totalsOf(counted: BlockTotals): Figures {
  const { transactions, units, receivedBytes, sentBytes, unitMs, waitMs } = counted;
  const micros = unitMs * MICROS_PER_MS;
  return {
    ...{ transactions, units, receivedBytes, sentBytes },
    ...{ transactionMicros: micros, unitMicros: micros, waitMicros: waitMs * MICROS_PER_MS },
  };
}

function averagesOf(points: readonly HistoryPoint[]): Figures {
  const lastedS = sumOf(points, ({ lastedMs }) => lastedMs) / MS_PER_S;
  const perSecond = (of: (point: HistoryPoint) => number): number =>
    lastedS === 0 ? 0 : sumOf(points, (point) => (of(point) * point.lastedMs) / MS_PER_S) / lastedS;
  const transactions = perSecond((point) => point.transactionsPerSecond);
  const units = perSecond((point) => point.unitsPerSecond);
  const micros = perSecond((point) => point.unitMsPerSecond) * MICROS_PER_MS;
  return {
    ...{ transactions, units },
    receivedBytes: perSecond((point) => point.receivedBytesPerSecond),
    sentBytes: perSecond((point) => point.sentBytesPerSecond),
    transactionMicros: transactions === 0 ? 0 : micros / transactions,
    unitMicros: units === 0 ? 0 : micros / units,
    waitMicros: perSecond((point) => point.waitMsPerSecond) * MICROS_PER_MS,
  };
}

function sumOf<T>(things: readonly T[], of: (thing: T) => number): number {
  return things.reduce((total, thing) => total + of(thing), 0);
}
