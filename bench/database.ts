import { chown, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Client } from "pg";
import {
  freePort,
  type RunningProcess,
  runToEnd,
  startPostgres,
  startProcess,
} from "../tests/kit/index.ts";
import type { BenchContext } from "./context.ts";
import {
  CLIENT_ENVIRONMENT,
  debianServer,
  findProgram,
  runProgram,
  serverAccount,
} from "./programs.ts";

/** The PostgreSQL of a run. Trusts everyone on the loopback interface, user and database `postgres`. */
export interface BenchDatabase extends AsyncDisposable {
  readonly port: number;
  /** The process whose children are the backends. */
  readonly pid: number;
  /** E.g. `15.18 (Debian)`, as the server says. */
  readonly version: string;
}

/** Room for every endpoint's pool at once. */
const MAX_CONNECTIONS = 400;

/** Size of the tables that are only read: 1,000,000 accounts, about 150 MB, all in memory. */
const READ_SCALE = 10;

/** Where pgbench's tables are, by what a load does to them. */
export const DATABASES = { select: "postgres", writes: "writes" } as const;

/** No disk and no background work in the measurement; no encryption. */
const SETTINGS = {
  max_connections: MAX_CONNECTIONS,
  shared_buffers: "256MB",
  fsync: "off",
  ssl: "off",
  autovacuum: "off",
} as const;

/**
 * Starts a PostgreSQL of the run's own, with pgbench's tables in it: Debian's server if it is installed, else
 * the one from npm that the tests use.
 */
export async function startDatabase(context: BenchContext): Promise<BenchDatabase> {
  const folder = debianServer();
  const server =
    folder === undefined ? await startEmbedded() : await startDebian(folder, context.directory);
  try {
    await fill(server.port, context, DATABASES.select, READ_SCALE);
    await query(server.port, "CREATE UNLOGGED TABLE bench_copy (line text)");
    const [row] = await query(server.port, "SELECT current_setting('server_version') AS version");
    const version = String(row?.["version"]);
    return {
      port: server.port,
      pid: server.pid,
      version,
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** Makes the database that is written to, with pgbench's tables at a scale: about 15 MB each. */
export async function createWritesDatabase(
  { port }: BenchDatabase,
  context: BenchContext,
  scale: number,
): Promise<void> {
  await query(port, `CREATE DATABASE ${DATABASES.writes}`);
  await fill(port, context, DATABASES.writes, scale);
}

/**
 * Undoes what a writing load leaves for the next one: dead rows of the small tables, a growing history, pages
 * to be written. What pgbench does by itself before a run, and through whatever stands in between.
 */
export async function tidyWritesDatabase(port: number): Promise<void> {
  for (const text of [
    "VACUUM pgbench_branches",
    "VACUUM pgbench_tellers",
    "TRUNCATE pgbench_history",
    "CHECKPOINT",
  ]) {
    await query(port, text, DATABASES.writes);
  }
}

/** Runs one query straight on the server. */
export async function query(
  port: number,
  text: string,
  database: string = DATABASES.select,
): Promise<Record<string, unknown>[]> {
  const client = new Client({ host: "127.0.0.1", port, user: "postgres", database });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

type Server = Omit<BenchDatabase, "version">;

async function startEmbedded(): Promise<Server> {
  const { max_connections: maxConnections, ...settings } = SETTINGS;
  return await startPostgres({ maxConnections, settings });
}

async function startDebian(folder: string, directory: string): Promise<Server> {
  const account = serverAccount();
  const data = join(directory, "postgres");
  await mkdir(data, { mode: 0o700 });
  if (account) await chown(data, account.uid, account.gid);
  const env = { LC_ALL: "C", TZ: "UTC", PATH: process.env["PATH"] };
  const initdb = await runToEnd(
    [join(folder, "initdb"), `--pgdata=${data}`, "--username=postgres", ...INITDB_FLAGS],
    { env, ...account },
  );
  if (initdb.code !== 0) throw new Error(`initdb failed:\n${initdb.stdout}${initdb.stderr}`);

  const port = await freePort();
  const settings = {
    ...SETTINGS,
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: data,
  };
  const server = await startProcess(
    [
      join(folder, "postgres"),
      "-D",
      data,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    { env, ...account },
  );
  await readyOrGone(server);
  return {
    port,
    pid: server.pid,
    // An immediate stop: the data is about to be removed. Backends end with it.
    async [Symbol.asyncDispose]() {
      await server.end("SIGQUIT", 30_000);
    },
  };
}

const INITDB_FLAGS = ["--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"] as const;

async function readyOrGone(server: RunningProcess): Promise<void> {
  try {
    await server.waitForLine("ready to accept connections", { deadlineMs: 60_000 });
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** Ten million rows on a busy machine, and then some. */
const FILL_DEADLINE_MS = 600_000;

async function fill(
  port: number,
  context: BenchContext,
  database: string,
  scale: number,
): Promise<void> {
  const pgbench = findProgram("pgbench");
  if (pgbench === undefined) throw new Error("there is no pgbench");
  const result = await runProgram(
    [pgbench, "--initialize", "--quiet", `--scale=${scale}`, "-h127.0.0.1", `-p${port}`, database],
    { env: CLIENT_ENVIRONMENT, signal: context.signal, deadlineMs: FILL_DEADLINE_MS },
  );
  if (result.code !== 0) throw new Error(`pgbench --initialize failed:\n${result.stderr}`);
}
