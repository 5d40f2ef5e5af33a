/** Everything cases run against: PostgreSQL itself, and each way through one gateway to it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type GatewaydProcess,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  type WireTarget,
} from "../kit/index.ts";
import { FIXTURES } from "./fixtures.ts";
import { type Mode, MODES, type Sharing, SIZES } from "./modes.ts";

/** Something that speaks as PostgreSQL does. */
export interface Endpoint {
  readonly mode: string;
  readonly target: WireTarget;
  /** Each endpoint has a database of its own, so that the runs of a case cannot meet. */
  readonly database: string;
  readonly others: Mode["others"];
  readonly sharing: Sharing;
}

/** Everything that must be there, as long as cases run. */
export class Endpoints implements AsyncDisposable {
  readonly #postgres: PostgresServer;
  readonly #gatewayd: GatewaydProcess;
  readonly #directory: string;

  private constructor(postgres: PostgresServer, gatewayd: GatewaydProcess, directory: string) {
    this.#postgres = postgres;
    this.#gatewayd = gatewayd;
    this.#directory = directory;
  }

  static async start(): Promise<Endpoints> {
    const postgres = await startPostgres({ maxConnections: 200 });
    const directory = await mkdtemp(join(tmpdir(), "gatewayd-parity-"));
    await makeDatabases(postgres);
    const groups = Object.fromEntries(GROUPS.map((group) => [group.name, group]));
    const config = {
      loggers: each(groups, () => ({ level: "info", noColor: true })),
      clients: each(groups, () => ({ db: { address: postgres.address } })),
      pools: each(groups, ({ mode, size }) => ({ db: { ...size, ...mode.pool } })),
      proxies: each(groups, () => ({ db: {} })),
      servers: each(groups, ({ name, mode }) => ({
        address: join(directory, name),
        ...(mode.others === "never" ? {} : { auth: { method: "trust" } }),
      })),
    };
    const gatewayd = await startGatewayd({
      config: JSON.stringify(config),
      listeners: GROUPS.length,
    });
    return new Endpoints(postgres, gatewayd, directory);
  }

  /** PostgreSQL itself. */
  direct(): Endpoint {
    const { host, port } = this.#postgres;
    const database = databaseOf("directly");
    return {
      mode: "directly",
      target: { host, port },
      database,
      others: "never",
      sharing: "turns",
    };
  }

  /** A way through the gateway. */
  through(mode: Mode, sharing: Sharing): Endpoint {
    const path = join(this.#directory, groupOf(mode, sharing));
    const { name, others } = mode;
    return { mode: name, target: { path }, database: databaseOf(name), others, sharing };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gatewayd.stop();
    await this.#gatewayd[Symbol.asyncDispose]();
    await this.#postgres[Symbol.asyncDispose]();
    await rm(this.#directory, { recursive: true });
  }
}

interface Group {
  readonly name: string;
  readonly mode: Mode;
  readonly size: { readonly size?: number };
}

const GROUPS: readonly Group[] = MODES.flatMap((mode): readonly Group[] => {
  if (mode.others !== "between") return [{ name: mode.name, mode, size: {} }];
  return (["turns", "beside"] as const).map((sharing) => ({
    name: groupOf(mode, sharing),
    mode,
    size: { size: SIZES[sharing] },
  }));
});

function groupOf({ name, others }: Mode, sharing: Sharing): string {
  return others === "between" ? `${name}-${sharing}` : name;
}

function databaseOf(mode: string): string {
  return `parity_${mode}`;
}

function each<T, R>(groups: Readonly<Record<string, T>>, make: (group: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(groups).map(([name, group]) => [name, make(group)]));
}

/** Copies of one template, so that object ids are the same in all. */
async function makeDatabases(postgres: PostgresServer): Promise<void> {
  await postgres.query("create role parity_guest");
  await postgres.query("create database parity_template");
  await postgres.query(FIXTURES, "parity_template");
  for (const mode of ["directly", ...MODES.map(({ name }) => name)]) {
    await postgres.query(`create database ${databaseOf(mode)} template parity_template`);
  }
}
