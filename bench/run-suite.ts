import type { BenchContext } from "./context.ts";
import { type BenchDatabase, createWritesDatabase } from "./database.ts";
import { direct, type Endpoint, type EndpointKind } from "./endpoints/index.ts";
import type { BenchOptions } from "./options.ts";
import type { BenchResult, LoadResult } from "./result.ts";
import {
  type Entry,
  type Field,
  measureCalls,
  measureCopies,
  measureIdle,
  measureLoads,
  measureStalls,
} from "./scenarios/index.ts";
import { generationsOf } from "./suites/index.ts";
import type { Suite } from "./suites/index.ts";

const MAX_CLIENTS = 10_000;

/** The tables' names for the entry that is measured twice. */
export const CONTROL = { entry: "gatewayd", twin: "gatewayd, again" } as const;

/** What is needed to measure. */
export interface SuiteRun {
  readonly context: BenchContext;
  readonly suite: Suite;
  readonly kinds: readonly EndpointKind[];
  readonly database: BenchDatabase;
  readonly options: BenchOptions;
  /** Path of the program. */
  readonly pgbench: string;
  /** Keeps what was measured so far, should the rest fail. */
  readonly keep: (measured: Measured) => Promise<void>;
}

/** What a run has found. */
export type Measured = Pick<
  BenchResult,
  "loads" | "copies" | "idle" | "stalls" | "calls" | "missing"
>;

/** Measures everything that the options ask for. */
export async function runSuite(run: SuiteRun): Promise<Measured> {
  const { context, suite, kinds, options, pgbench, database } = run;
  const { parts } = options;
  const { port } = database;
  // Memory first: while nobody else is there, and in fresh processes of its own.
  const idle = parts.includes("idle")
    ? await measureIdle(
        context,
        kinds.filter(({ isPooling }) => isPooling),
        port,
        options.idleClients,
        suite.idleManners,
      )
    : [];
  const stalls = parts.includes("stall")
    ? await measureStalls(
        context,
        kinds.filter((kind) => kind !== direct),
        port,
        options.stallBytes,
      )
    : [];

  const calls = parts.includes("calls")
    ? { calls: await measureCalls(context, options.seconds) }
    : {};

  const plan = suite.plan(options);
  const reads = plan.filter(({ load }) => load.script === "select");
  const writes = plan.filter(({ load }) => load.script === "writes");
  const read =
    reads.length === 0 && !parts.includes("copy")
      ? NOTHING
      : await inGenerations(run, kinds, async (field, rounds) => ({
          ...(await measureLoads(field, reads, rounds, pgbench)),
          copies: parts.includes("copy")
            ? await measureCopies(suite.copiesAlso ? field : withoutAlso(field), options)
            : [],
        }));
  if (writes.length === 0) return { ...read, idle, stalls, ...calls };
  await run.keep({ ...read, idle, stalls });

  context.progress(`filling the tables to write to, at scale ${options.writesScale}`);
  await createWritesDatabase(database, context, options.writesScale);
  // In fresh processes: pools that hold connections to another database would begin by closing them.
  const written = await withField(run, kinds, async (field) =>
    measureLoads(field, writes, options.rounds, pgbench),
  );
  return {
    loads: [...read.loads, ...written.loads],
    missing: [...read.missing, ...written.missing],
    copies: read.copies,
    idle,
    stalls,
  };
}

/** What the read-only half of a run has found. */
type Read = Pick<Measured, "loads" | "missing" | "copies">;

/** Measures the rounds in as many parts as the suite has generations, each with fresh processes. */
async function inGenerations(
  run: SuiteRun,
  kinds: readonly EndpointKind[],
  measure: (field: Field, rounds: number) => Promise<Read>,
): Promise<Read> {
  const { rounds } = run.options;
  const generations = generationsOf(run.suite, rounds);
  const parts: Read[] = [];
  for (let part = 0; part < generations; part++) {
    if (generations > 1) run.context.progress(`processes ${part + 1} of ${generations}`);
    const until = Math.round((rounds * (part + 1)) / generations);
    const since = Math.round((rounds * part) / generations);
    parts.push(await withField(run, kinds, (field) => measure(field, until - since)));
  }
  const [first = NOTHING, ...later] = parts;
  return later.reduce((all, { loads }) => ({ ...all, loads: joined(all.loads, loads) }), first);
}

/** Rounds of the same loads, one behind the other. */
function joined(
  before: readonly LoadResult[],
  after: readonly LoadResult[],
): readonly LoadResult[] {
  return before.map((result, index) => {
    const more = after[index]?.samples ?? {};
    const samples = Object.entries(result.samples).map(([entry, list]) => [
      entry,
      [...list, ...(more[entry] ?? [])],
    ]);
    return { ...result, samples: Object.fromEntries(samples) };
  });
}

const NOTHING = { loads: [], missing: [], copies: [] } as const;

function withoutAlso(field: Field): Field {
  return { ...field, entries: field.entries.filter(({ role }) => role !== "also") };
}

/** Does something with all endpoints running, the control among them. */
async function withField<T>(
  { context, suite, database, options }: SuiteRun,
  kinds: readonly EndpointKind[],
  work: (field: Field) => Promise<T>,
): Promise<T> {
  await using stack = new AsyncDisposableStack();
  const also = new Set(options.also.map(({ name }) => name));
  const start = async (kind: EndpointKind): Promise<Endpoint> =>
    stack.use(
      await kind.start({
        context,
        serverPort: database.port,
        poolSize: suite.poolSize,
        maxClients: MAX_CLIENTS,
        patienceSeconds: 60,
        expectsSilentClients: false,
      }),
    );
  const entries: Entry[] = [];
  for (const kind of kinds) {
    const role = also.has(kind.name) ? "also" : "endpoint";
    entries.push({ name: kind.name, kind, endpoint: await start(kind), role });
  }
  for (const { kind, endpoint } of entries.filter(({ name }) => name === CONTROL.entry)) {
    const own = suite.generations === undefined ? endpoint : await start(kind);
    entries.push({ name: CONTROL.twin, kind, endpoint: own, role: "control" });
  }
  return await work({
    context,
    entries,
    poolSize: suite.poolSize,
    database,
  });
}
