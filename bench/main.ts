/**
 * Measures what gatewayd costs, beside PostgreSQL itself and PgBouncer, in one interleaved run: `bun run bench`.
 * bench/README.md says how, and how to read the numbers.
 */
import { resolve } from "node:path";
import { build } from "../scripts/build.ts";
import { type BenchContext, Interrupted, openRun } from "./context.ts";
import { type BenchDatabase, startDatabase } from "./database.ts";
import { alsoEndpoint, direct, type EndpointKind, gatewayd, pgbouncer } from "./endpoints/index.ts";
import { describeMachine } from "./measure/index.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import { findProgram, versionOf } from "./programs.ts";
import { judge, publish, renderReport, republish } from "./report/index.ts";
import type { BenchResult } from "./result.ts";
import {
  type Entry,
  type Field,
  measureCopies,
  measureIdle,
  measureLoads,
  measureStalls,
} from "./scenarios/index.ts";

/** More than the most clients of a load, and small enough for all endpoints' pools together. */
const POOL_SIZE = 110;

const MAX_CLIENTS = 10_000;

/** The tables' names for the entry that is measured twice. */
const CONTROL = { entry: gatewayd.name, twin: `${gatewayd.name}, again` } as const;

type Measured = Pick<BenchResult, "loads" | "copies" | "idle" | "stalls">;

async function bench(options: BenchOptions): Promise<number> {
  await using run = await openRun();
  const pgbench = requirePgbench();
  const kinds = chooseKinds(options);
  run.progress("building gatewayd, if it is not up to date");
  await build();
  run.signal.throwIfAborted();

  const startedAt = new Date();
  await using database = await startDatabase(run);
  run.progress(`PostgreSQL ${database.version} listens on port ${database.port}`);
  const measured = await measure(run, kinds, database, options, pgbench);

  const unjudged = {
    startedAt: startedAt.toISOString(),
    durationMinutes: Math.round((Date.now() - startedAt.getTime()) / 60_000),
    settings: { rounds: options.rounds, seconds: options.seconds },
    machine: describeMachine(),
    versions: versions(kinds, database, pgbench),
    entries: kinds.map(({ name }) => name),
    control: CONTROL,
    ...measured,
  };
  const relays = options.also.map(({ name }) => name);
  const result: BenchResult = { ...unjudged, goals: judge(unjudged, relays) };
  console.log(renderReport(result));
  const files = await publish(result, options.isFull);
  run.progress(`written: ${files.join(", ")}`);
  return 0;
}

async function measure(
  context: BenchContext,
  kinds: readonly EndpointKind[],
  database: BenchDatabase,
  options: BenchOptions,
  pgbench: string,
): Promise<Measured> {
  const { parts } = options;
  const also = new Set(options.also.map(({ name }) => name));
  const relaying = kinds.filter((kind) => kind !== direct);
  const pooling = kinds.filter(({ isPooling }) => isPooling);
  const { port } = database;

  // Memory first: while nobody else is there, and in fresh processes of its own.
  const idle = parts.includes("idle")
    ? await measureIdle(context, pooling, port, options.idleClients)
    : [];
  const stalls = parts.includes("stall")
    ? await measureStalls(context, relaying, port, options.stallBytes)
    : [];
  if (!["load", "churn", "copy"].some((part) => parts.some((wanted) => wanted === part))) {
    return { loads: [], copies: [], idle, stalls };
  }

  await using stack = new AsyncDisposableStack();
  const entries: Entry[] = [];
  for (const kind of kinds) {
    const options = {
      context,
      serverPort: port,
      poolSize: POOL_SIZE,
      maxClients: MAX_CLIENTS,
      patienceSeconds: 60,
      expectsSilentClients: false,
    };
    const endpoint = stack.use(await kind.start(options));
    entries.push({ name: kind.name, endpoint, isExtra: also.has(kind.name) });
  }
  const twins = entries
    .filter(({ name }) => name === CONTROL.entry)
    .map(({ endpoint }) => ({ name: CONTROL.twin, endpoint, isExtra: true }));
  const field: Field = { context, entries: [...entries, ...twins], databasePid: database.pid };
  const loads = await measureLoads(field, options, pgbench);
  const copies = parts.includes("copy") ? await measureCopies(field, options) : [];
  return { loads, copies, idle, stalls };
}

function requirePgbench(): string {
  const program = findProgram("pgbench");
  if (program !== undefined) return program;
  throw new Error("pgbench is missing; on Debian: apt-get install postgresql-contrib");
}

/** The columns of the tables; PgBouncer is left out, with a word about it, when it is not installed. */
function chooseKinds(options: BenchOptions): readonly EndpointKind[] {
  const bouncer = pgbouncer();
  if (bouncer === undefined) {
    console.error(
      "going on without PgBouncer: it is missing; on Debian: apt-get install pgbouncer",
    );
  }
  const kinds = [
    direct,
    ...(bouncer === undefined ? [] : [bouncer]),
    gatewayd,
    ...options.also.map(alsoEndpoint),
  ];
  const names = kinds.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`--also: there is a ${twice} already`);
  return kinds;
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
      kinds.filter(({ version }) => version !== "").map((kind) => [kind.name, last(kind.version)]),
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
