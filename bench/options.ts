import { parseArgs } from "node:util";
import { type AlsoEndpoint, parseAlso } from "./endpoints/index.ts";

/** The parts of a run, in the order they are measured. */
export const PARTS = ["load", "churn", "copy", "idle", "stall"] as const;
export type Part = (typeof PARTS)[number];

/** pgbench's query protocols (`pgbench --protocol`). */
export const PROTOCOLS = ["simple", "extended", "prepared"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** What a run measures, and how thoroughly. */
export interface BenchOptions {
  /** Times everything is measured, in rotating order. Default 9, the least a published result may have. */
  readonly rounds: number;
  /** Length of one pgbench run. Default 5. */
  readonly seconds: number;
  readonly parts: readonly Part[];
  readonly protocols: readonly Protocol[];
  /** Numbers of concurrent clients. Default 1, 16, 100. */
  readonly clients: readonly number[];
  /** Bytes of one COPY, each way. Default 1 GiB. */
  readonly copyBytes: number;
  /** Default 5: one COPY takes much longer than the noise it meets. Never more than `rounds`. */
  readonly copyRounds: number;
  /** Clients of the memory measurement. Default 10,000. */
  readonly idleClients: number;
  /** Bytes of the result whose reader stalls. Default 500 MB. */
  readonly stallBytes: number;
  readonly also: readonly AlsoEndpoint[];
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
export const USAGE = `bun run bench [options]

  --quick               3 rounds of 2 s, small amounts: to try things out, not to publish
  --rounds <n>          times everything is measured (9)
  --seconds <s>         length of one pgbench run (5)
  --only <parts>        some of ${PARTS.join(",")}
  --protocols <list>    some of ${PROTOCOLS.join(",")}
  --clients <list>      numbers of clients (1,16,100)
  --idle-clients <n>    clients of the memory measurement (10000)
  --copy-mib <n>        size of one COPY (1024)
  --stall-mb <n>        size of the result whose reader stalls (500)
  --also <name=command> one more endpoint, repeatable; {port} and {listen} stand for where it must listen,
                        {serverPort} and {server} for PostgreSQL
  --report <file>       only writes table and picture of a results file again
`;

const GIB = 1024 ** 3;
const FULL = { rounds: 9, seconds: 5, clients: [1, 16, 100], copyBytes: GIB, copyRounds: 5 };
const FULL_IDLE_CLIENTS = 10_000;
const FULL_STALL_BYTES = 500_000_000;

/** Reads the command line. @throws with one line for the person at the terminal. */
export function parseOptions(args: readonly string[]): Request {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      rounds: { type: "string" },
      seconds: { type: "string" },
      only: { type: "string" },
      protocols: { type: "string" },
      clients: { type: "string" },
      "idle-clients": { type: "string" },
      "copy-mib": { type: "string" },
      "stall-mb": { type: "string" },
      also: { type: "string", multiple: true, default: [] },
      report: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return { kind: "help" };
  if (values.report !== undefined) return { kind: "report", file: values.report };

  const { quick } = values;
  const rounds = number("rounds", values.rounds) ?? (quick ? 3 : FULL.rounds);
  const copyMib = number("copy-mib", values["copy-mib"]);
  const stallMb = number("stall-mb", values["stall-mb"]);
  const copyBytes =
    copyMib === undefined ? (quick ? GIB / 8 : FULL.copyBytes) : copyMib * 1024 ** 2;
  const chosen = {
    rounds,
    seconds: number("seconds", values.seconds) ?? (quick ? 2 : FULL.seconds),
    parts: subset("only", values.only, PARTS),
    protocols: subset("protocols", values.protocols, PROTOCOLS),
    clients: values.clients?.split(",").map((text) => positive("clients", text)) ?? FULL.clients,
    copyBytes,
    copyRounds: Math.min(rounds, FULL.copyRounds),
    idleClients:
      number("idle-clients", values["idle-clients"]) ?? (quick ? 2000 : FULL_IDLE_CLIENTS),
    stallBytes:
      stallMb === undefined ? (quick ? FULL_STALL_BYTES / 5 : FULL_STALL_BYTES) : stallMb * 1e6,
    also: values.also.map(parseAlso),
  };
  return { kind: "run", options: { ...chosen, isFull: isFull(chosen) } };
}

function isFull(options: Omit<BenchOptions, "isFull">): boolean {
  return (
    options.rounds >= FULL.rounds &&
    options.seconds >= FULL.seconds &&
    options.parts.length === PARTS.length &&
    options.protocols.length === PROTOCOLS.length &&
    FULL.clients.every((count) => options.clients.includes(count)) &&
    options.copyBytes >= FULL.copyBytes &&
    options.idleClients >= FULL_IDLE_CLIENTS &&
    options.stallBytes >= FULL_STALL_BYTES
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
