import { mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { CLIENT_ENVIRONMENT, runProgram } from "../programs.ts";
import { percentilesOf, type Percentiles } from "./percentiles.ts";

/** One way of loading an endpoint with pgbench. */
export interface PgbenchLoad {
  /** `select`: one row by its key (`--select-only`). `writes`: the TPC-B-like transaction of seven statements. */
  readonly script: "select" | "writes";
  readonly protocol: "simple" | "extended" | "prepared";
  readonly clients: number;
  readonly seconds: number;
  /** A new connection for each transaction (`--connect`). */
  readonly isReconnecting: boolean;
}

/** What one run of pgbench says. */
export interface PgbenchResult {
  readonly transactions: number;
  readonly failed: number;
  /** Without the time for connecting, unless the load is about that. */
  readonly transactionsPerSecond: number;
  /** Average. */
  readonly latencyMs: number;
  /** Of a sample of the transactions; absent where pgbench leaves the time for connecting out. */
  readonly percentilesMs?: Percentiles;
  /** Why the run did not go as it should; undefined: it did. */
  readonly problem?: string;
}

/** Time for connecting and leaving, on top of the seconds asked for. */
const EXTRA_MS = 60_000;

/** pgbench's own threads; one would be the bottleneck of every endpoint. */
const THREADS = 2;

/** Share of the transactions that pgbench writes down, by chance: enough for a 99th percentile, and cheap. */
const SAMPLING_RATES = { select: 0.1, writes: 1 } as const;

/** Runs pgbench. A run with lost connections is a result that says so. @throws when there is no result. */
export async function runPgbench(
  program: string,
  target: { readonly host: string; readonly port: number; readonly database: string },
  load: PgbenchLoad,
  { signal, directory }: { readonly signal: AbortSignal; readonly directory: string },
): Promise<PgbenchResult> {
  const logs = await mkdtemp(join(directory, "pgbench-"));
  const result = await runProgram(
    [
      program,
      `--builtin=${load.script === "select" ? "select-only" : "tpcb-like"}`,
      "--no-vacuum",
      `--protocol=${load.protocol}`,
      `--client=${load.clients}`,
      `--jobs=${THREADS}`,
      `--time=${load.seconds}`,
      `--host=${target.host}`,
      `--port=${target.port}`,
      ...(load.isReconnecting
        ? ["--connect"]
        : [
            "--log",
            `--sampling-rate=${SAMPLING_RATES[load.script]}`,
            `--log-prefix=${join(logs, "log")}`,
          ]),
      target.database,
    ],
    { env: CLIENT_ENVIRONMENT, signal, deadlineMs: load.seconds * 1000 + EXTRA_MS },
  );
  const percentilesMs = await readLogs(logs);
  const parsed = parsePgbench(result.stdout);
  const problem =
    result.code === 0 && parsed
      ? undefined
      : (problemIn(result.stderr) ?? `exit code ${result.code}`);
  return {
    ...(parsed ?? { transactions: 0, failed: 0, transactionsPerSecond: 0, latencyMs: 0 }),
    ...(percentilesMs && { percentilesMs }),
    ...(problem !== undefined && { problem }),
  };
}

/** Reads pgbench's report; undefined when it is not one. */
export function parsePgbench(report: string): PgbenchResult | undefined {
  const transactions = numberIn(report, /^number of transactions actually processed: (\d+)/m);
  const failed = numberIn(report, /^number of failed transactions: (\d+)/m);
  const transactionsPerSecond = numberIn(report, /^tps = ([\d.]+)/m);
  const latencyMs = numberIn(report, /^latency average = ([\d.]+) ms/m);
  if (transactions === undefined || transactionsPerSecond === undefined) return undefined;
  return { transactions, failed: failed ?? 0, transactionsPerSecond, latencyMs: latencyMs ?? 0 };
}

/** Percentiles of what pgbench's threads have written down; removes their folder. */
async function readLogs(directory: string): Promise<Percentiles | undefined> {
  const files = await readdir(directory);
  const texts = await Promise.all(files.map((file) => Bun.file(join(directory, file)).text()));
  await rm(directory, { recursive: true });
  return percentilesOf(texts.flatMap(parseLatenciesMs));
}

/** Milliseconds of each transaction in a log: client, number, microseconds, script, time of its end. */
export function parseLatenciesMs(log: string): readonly number[] {
  return log.split("\n").flatMap((line) => {
    const micros = Number(line.split(" ", 3)[2]);
    return Number.isFinite(micros) ? [micros / 1000] : [];
  });
}

function numberIn(text: string, pattern: RegExp): number | undefined {
  const match = pattern.exec(text)?.[1];
  return match === undefined ? undefined : Number(match);
}

function problemIn(stderr: string): string | undefined {
  return stderr.split("\n").find((line) => /error|fatal|abort/i.test(line));
}
