import { parseArgs } from "node:util";
import { type AlsoEndpoint, parseAlso } from "./endpoints/index.ts";

/** Every part of a run; which of them a comparison has is in {@link SUITES}. */
const PARTS = ["load", "churn", "writes", "copy", "idle", "stall", "calls"] as const;
export type Part = (typeof PARTS)[number];

/**
 * The comparisons: a server connection for each client (`passthrough`), few connections shared by many
 * clients (`modes`), plugins on the traffic (`hooks`), traces of it (`tracing`), and metrics of it (`counting`). What
 * each of them measures unless told otherwise; where it says how thoroughly, that is what a published result has.
 */
const SUITES = {
  passthrough: { parts: ["load", "churn", "copy", "idle", "stall"], clients: [1, 16, 100] },
  modes: { parts: ["load", "churn", "writes", "copy", "idle"], clients: [16, 100, 1000] },
  hooks: { parts: ["load", "calls"], clients: [1, 16], protocols: ["simple"] },
  tracing: { parts: ["load"], clients: [1, 16], rounds: 64, seconds: 1 },
  counting: { parts: ["load"], clients: [1, 16], rounds: 64, seconds: 1 },
} as const satisfies Record<string, SuiteDefaults>;
export type SuiteName = keyof typeof SUITES;

interface SuiteDefaults {
  readonly parts: readonly Part[];
  readonly clients: readonly number[];
  readonly protocols?: readonly Protocol[];
  readonly rounds?: number;
  readonly seconds?: number;
}

/** pgbench's query protocols (`pgbench --protocol`). */
export const PROTOCOLS = ["simple", "extended", "prepared"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** What a run measures, and how thoroughly. */
export interface BenchOptions {
  readonly suite: SuiteName;
  /** Times everything is measured, in rotating order. Default 9 (of tracing and counting 64), the least a published result may have. */
  readonly rounds: number;
  /** Length of one pgbench run. Default 5; of tracing and counting 2. */
  readonly seconds: number;
  readonly parts: readonly Part[];
  /** Default: all; of hooks the simple one alone, since a plugin sees a batch as it sees a query. */
  readonly protocols: readonly Protocol[];
  /** Numbers of concurrent clients. Default 1, 16, 100; of the modes 16, 100, 1000; of hooks, tracing and counting 1, 16. */
  readonly clients: readonly number[];
  /** Bytes of one COPY, each way. Default 1 GiB. */
  readonly copyBytes: number;
  /** Default 5: one COPY takes much longer than the noise it meets. Never more than `rounds`. */
  readonly copyRounds: number;
  /** Clients of the memory measurement. Default 10,000. */
  readonly idleClients: number;
  /** Bytes of the result whose reader stalls. Default 500 MB. */
  readonly stallBytes: number;
  /** Scale of pgbench's tables for the writing load: 100,000 accounts each. Default 100. */
  readonly writesScale: number;
  readonly also: readonly AlsoEndpoint[];
  /** Names of the endpoints that take part; undefined: all. */
  readonly endpoints: readonly string[] | undefined;
  /** Thorough enough to become the project's published result. */
  readonly isFull: boolean;
}

/** What the command line asks for. */
export type Request =
  | { readonly kind: "run"; readonly options: BenchOptions }
  /** Writes table and picture of an earlier run again. */
  | { readonly kind: "report"; readonly file: string }
  | { readonly kind: "help" };

/** The text of `--help`. */
export const USAGE = `bun run bench [passthrough] [options]
bun run bench modes [options]
bun run bench hooks [options]
bun run bench tracing [options]
bun run bench counting [options]

passthrough: a server connection for each client; modes: 20 server connections for all of them; hooks: passthrough
with plugins that see all traffic; tracing: the modes' transaction mode, with and without traces; counting: the same, with and
without metrics.

  --quick               3 rounds of 2 s, small amounts: to try things out, not to publish
  --rounds <n>          times everything is measured (9; of tracing and counting 64)
  --seconds <s>         length of one pgbench run (5; of tracing and counting 1)
  --only <parts>        some of ${SUITES.passthrough.parts.join(",")}
                        of the modes: some of ${SUITES.modes.parts.join(",")}
                        of hooks: some of ${SUITES.hooks.parts.join(",")}
  --endpoints <list>    some of the endpoints, by their names in the tables
  --protocols <list>    some of ${PROTOCOLS.join(",")} (all; of hooks simple)
  --clients <list>      numbers of clients (${SUITES.passthrough.clients.join(",")}; of the modes ${SUITES.modes.clients.join(",")}, of hooks, tracing, counting ${SUITES.hooks.clients.join(",")})
  --scale <n>           size of the tables that the modes' writing load changes (100)
  --idle-clients <n>    clients of the memory measurement (10000)
  --copy-mib <n>        size of one COPY (1024)
  --stall-mb <n>        size of the result whose reader stalls (500)
  --also <name=command> one more endpoint, repeatable; {port} and {listen} stand for where it must listen,
                        {serverPort} and {server} for PostgreSQL
  --report <file>       only writes table and picture of a results file again
`;

const GIB = 1024 ** 3;
const FULL = {
  rounds: 9,
  seconds: 5,
  copyBytes: GIB,
  copyRounds: 5,
  idleClients: 10_000,
  stallBytes: 500_000_000,
  writesScale: 100,
};
const QUICK = {
  rounds: 3,
  seconds: 2,
  copyBytes: GIB / 8,
  copyRounds: 3,
  idleClients: 2000,
  stallBytes: 100_000_000,
  writesScale: 10,
};

/** Reads the command line. @throws with one line for the person at the terminal. */
export function parseOptions(args: readonly string[]): Request {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      seconds: { type: "string" },
      only: { type: "string" },
      endpoints: { type: "string" },
      protocols: { type: "string" },
      clients: { type: "string" },
      "idle-clients": { type: "string" },
      scale: { type: "string" },
      "copy-mib": { type: "string" },
      "stall-mb": { type: "string" },
      also: { type: "string", multiple: true, default: [] },
      report: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return { kind: "help" };
  if (values.report !== undefined) return { kind: "report", file: values.report };

  const suite = suiteNamed(positionals);
  const { parts, clients, protocols = PROTOCOLS }: SuiteDefaults = SUITES[suite];
  const base = values.quick ? QUICK : fullOf(suite);
  const rounds = number("rounds", values.rounds) ?? base.rounds;
  const copyMib = number("copy-mib", values["copy-mib"]);
  const stallMb = number("stall-mb", values["stall-mb"]);
  const chosen = {
    suite,
    rounds,
    seconds: number("seconds", values.seconds) ?? base.seconds,
    parts: subset<Part>("only", values.only, parts),
    protocols:
      values.protocols === undefined ? protocols : subset("protocols", values.protocols, PROTOCOLS),
    clients: values.clients?.split(",").map((text) => positive("clients", text)) ?? clients,
    copyBytes: copyMib === undefined ? base.copyBytes : copyMib * 1024 ** 2,
    copyRounds: Math.min(rounds, base.copyRounds),
    idleClients: number("idle-clients", values["idle-clients"]) ?? base.idleClients,
    stallBytes: stallMb === undefined ? base.stallBytes : stallMb * 1e6,
    writesScale: number("scale", values.scale) ?? base.writesScale,
    also: values.also.map(parseAlso),
    endpoints: values.endpoints?.split(","),
  };
  return { kind: "run", options: { ...chosen, isFull: isFull(chosen) } };
}

function suiteNamed([name = "passthrough", ...others]: readonly string[]): SuiteName {
  if (!isSuiteName(name)) {
    throw new Error(`there is no comparison "${name}"; one of ${Object.keys(SUITES).join(", ")}`);
  }
  if (others.length > 0)
    throw new Error(`one comparison at a time: ${[name, ...others].join(" ")}`);
  return name;
}

function isSuiteName(name: string): name is SuiteName {
  return Object.hasOwn(SUITES, name);
}

function fullOf(suite: SuiteName): typeof FULL {
  const { rounds = FULL.rounds, seconds = FULL.seconds }: SuiteDefaults = SUITES[suite];
  return { ...FULL, rounds, seconds };
}

function isFull(options: Omit<BenchOptions, "isFull">): boolean {
  const { parts, clients, protocols = PROTOCOLS }: SuiteDefaults = SUITES[options.suite];
  const full = fullOf(options.suite);
  return (
    options.rounds >= full.rounds &&
    options.seconds >= full.seconds &&
    options.parts.length === parts.length &&
    protocols.every((protocol) => options.protocols.includes(protocol)) &&
    clients.every((count) => options.clients.includes(count)) &&
    options.copyBytes >= FULL.copyBytes &&
    options.idleClients >= FULL.idleClients &&
    options.stallBytes >= FULL.stallBytes &&
    options.writesScale >= FULL.writesScale &&
    options.endpoints === undefined
  );
}

function number(name: string, text: string | undefined): number | undefined {
  return text === undefined ? undefined : positive(name, text);
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) {
    throw new Error(`--${name}: "${text}" is not a whole number above 0`);
  }
  return value;
}

function subset<T extends string>(
  name: string,
  text: string | undefined,
  all: readonly T[],
): readonly T[] {
  if (text === undefined) return all;
  const wanted = text.split(",");
  const unknown = wanted.find((word) => !all.some((known) => known === word));
  if (unknown !== undefined) {
    throw new Error(`--${name}: unknown "${unknown}"; some of ${all.join(",")}`);
  }
  return all.filter((known) => wanted.includes(known));
}
