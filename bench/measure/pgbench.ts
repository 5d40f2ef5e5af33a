import { CLIENT_ENVIRONMENT, runProgram } from "../programs.ts";

/** One way of loading an endpoint with `pgbench --select-only`. */
export interface PgbenchLoad {
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
  /** Why the run did not go as it should; undefined: it did. */
  readonly problem?: string;
}

/** Time for connecting and leaving, on top of the seconds asked for. */
const EXTRA_MS = 60_000;

/** pgbench's own threads; one would be the bottleneck of every endpoint. */
const THREADS = 2;

/** Runs pgbench. A run with lost connections is a result that says so. @throws when there is no result. */
export async function runPgbench(
  program: string,
  target: { readonly host: string; readonly port: number },
  load: PgbenchLoad,
  signal: AbortSignal,
): Promise<PgbenchResult> {
  const result = await runProgram(
    [
      program,
      "--select-only",
      "--no-vacuum",
      `--protocol=${load.protocol}`,
      `--client=${load.clients}`,
      `--jobs=${THREADS}`,
      `--time=${load.seconds}`,
      `--host=${target.host}`,
      `--port=${target.port}`,
      ...(load.isReconnecting ? ["--connect"] : []),
    ],
    { env: CLIENT_ENVIRONMENT, signal, deadlineMs: load.seconds * 1000 + EXTRA_MS },
  );
  const parsed = parsePgbench(result.stdout);
  if (result.code === 0 && parsed) return parsed;
  const problem = problemIn(result.stderr) ?? `exit code ${result.code}`;
  return {
    ...(parsed ?? { transactions: 0, failed: 0, transactionsPerSecond: 0, latencyMs: 0 }),
    problem,
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

function numberIn(text: string, pattern: RegExp): number | undefined {
  const match = pattern.exec(text)?.[1];
  return match === undefined ? undefined : Number(match);
}

function problemIn(stderr: string): string | undefined {
  return stderr.split("\n").find((line) => /error|fatal|abort/i.test(line));
}
