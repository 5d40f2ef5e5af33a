/**
 * Measures what gatewayd costs, beside PostgreSQL itself and PgBouncer, in one interleaved run: `bun run bench`.
 * bench/README.md says how, and how to read the numbers.
 */
import { resolve } from "node:path";
import { build } from "../scripts/build.ts";
import { chooseEndpoints } from "./choose-endpoints.ts";
import { Interrupted, openRun } from "./context.ts";
import { type BenchDatabase, startDatabase } from "./database.ts";
import type { EndpointKind } from "./endpoints/index.ts";
import { describeMachine } from "./measure/index.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import { findProgram, versionOf } from "./programs.ts";
import { judge, publish, renderReport, republish } from "./report/index.ts";
import type { BenchResult } from "./result.ts";
import { CONTROL, type Measured, runSuite } from "./run-suite.ts";
import { generationsOf, SUITES } from "./suites/index.ts";

async function bench(options: BenchOptions): Promise<number> {
  await using run = await openRun();
  const pgbench = requirePgbench();
  const suite = SUITES[options.suite];
  run.progress("building gatewayd, if it is not up to date");
  await build();
  run.signal.throwIfAborted();
  const { kinds, missing } = await chooseEndpoints(suite, options, run);

  const startedAt = new Date();
  await using database = await startDatabase(run);
  run.progress(`PostgreSQL ${database.version} listens on port ${database.port}`);
  const resultOf = (measured: Measured): BenchResult => {
    const unjudged = {
      suite: options.suite,
      startedAt: startedAt.toISOString(),
      durationMinutes: Math.round((Date.now() - startedAt.getTime()) / 60_000),
      settings: {
        rounds: options.rounds,
        seconds: options.seconds,
        generations: generationsOf(suite, options.rounds),
      },
      machine: describeMachine(),
      versions: versions(kinds, database, pgbench),
      entries: kinds.map(({ name }) => name),
      control: CONTROL,
      ...measured,
      missing: [...missing, ...measured.missing],
    };
    const relays = options.also.map(({ name }) => name);
    return { ...unjudged, goals: judge(unjudged, relays) };
  };
  const write = async (result: BenchResult, isFull: boolean): Promise<void> => {
    const files = await publish(result, isFull);
    run.progress(`written: ${files.join(", ")}`);
  };
  const keep = async (measured: Measured): Promise<void> => await write(resultOf(measured), false);
  const measured = await runSuite({
    context: run,
    suite,
    kinds,
    database,
    options,
    pgbench,
    keep,
  });
  const result = resultOf(measured);
  console.log(renderReport(result));
  await write(result, options.isFull);
  return 0;
}

function requirePgbench(): string {
  const program = findProgram("pgbench");
  if (program !== undefined) return program;
  throw new Error("pgbench is missing; on Debian: apt-get install postgresql-contrib");
}

function versions(
  kinds: readonly EndpointKind[],
  database: BenchDatabase,
  pgbench: string,
): Readonly<Record<string, string>> {
  const last = (text: string): string => /\d[\w.]*/.exec(text)?.[0] ?? text;
  return {
    PostgreSQL: database.version,
    pgbench: last(versionOf(pgbench)),
    Bun: Bun.version,
    ...Object.fromEntries(
      kinds
        .filter(({ version }) => version !== "")
        .map(({ name, version }) => [name, last(version)]),
    ),
  };
}

/** Runs what the command line asks for, and returns the exit code. */
async function main(): Promise<number> {
  const request = parseOptions(process.argv.slice(2));
  if (request.kind === "help") {
    console.log(USAGE);
    return 0;
  }
  if (request.kind === "report") {
    console.error(`written: ${(await republish(resolve(request.file))).join(", ")}`);
    return 0;
  }
  return await bench(request.options);
}

try {
  process.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? `bench: ${error.message}` : error);
  process.exit(error instanceof Interrupted ? error.exitCode : 1);
}
