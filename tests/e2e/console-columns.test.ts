/** What the console answers beside PgBouncer's: the same columns, of the same types, in the same order. */
import { afterAll, beforeAll, expect } from "bun:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import {
  freePort,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  type RunningProcess,
  startGatewayd,
  startPostgres,
  startProcess,
  testNeeding,
  unprivilegedAccount,
} from "../kit/index.ts";

let postgres: PostgresServer;
let gatewayd: GatewaydProcess;
let directory: string;
let ours: Client;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-columns-"));
  // PgBouncer, which does not run as root, makes its socket here.
  await chmod(directory, 0o777);
  const port = await freePort();
  gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      server: { address: [`127.0.0.1:${port}`, directory], auth: { method: "trust" } },
      pool: { mode: "session" },
    }),
    listeners: 2,
  });
  // A client, so that there is something of everything.
  ours = new Client({ host: directory, port, user: "postgres", database: "pgbouncer" });
  await ours.connect();
}, 60_000);

afterAll(async () => {
  await ours.end();
  await gatewayd.stop();
  await gatewayd[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function startBouncer(port: number): Promise<RunningProcess> {
  const ini = join(directory, "pgbouncer.ini");
  const settings = [
    "[databases]",
    `writes = host=127.0.0.1 port=${postgres.port} dbname=postgres user=postgres`,
    "[pgbouncer]",
    "auth_type = any",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "unix_socket_dir =",
    "admin_users = postgres",
  ];
  await writeFile(ini, `${settings.join("\n")}\n`);
  const bouncer = await startProcess(["pgbouncer", ini], { ...unprivilegedAccount() });
  await bouncer.waitForLine("process up");
  return bouncer;
}

const TABLES = [
  ...["pools", "clients", "servers", "stats", "stats_totals", "stats_averages", "totals"],
  ...["databases", "users", "lists", "config", "version"],
];

async function columnsOf(client: Client, table: string): Promise<readonly string[]> {
  const { fields } = await client.query(`show ${table}`);
  return fields.map(({ name, dataTypeID }) => `${name} ${dataTypeID}`);
}

testNeeding("pgbouncer")("every table has PgBouncer's columns, and then its own", async () => {
  const port = await freePort();
  await using bouncer = await startBouncer(port);
  const theirs = new Client({ host: "127.0.0.1", port, user: "postgres", database: "pgbouncer" });
  await theirs.connect();
  const { rows } = await theirs.query("show version");
  const isKnown = String(rows[0]?.version).startsWith("PgBouncer 1.18.");
  for (const table of TABLES) {
    const wanted = await columnsOf(theirs, table);
    const given = await columnsOf(ours, table);
    // Another version has other columns; those that both have are in the same order.
    const expected = isKnown ? wanted : wanted.filter((column) => given.includes(column));
    const compared = isKnown
      ? given.slice(0, wanted.length)
      : given.filter((column) => wanted.includes(column));
    expect([table, ...compared]).toEqual([table, ...expected]);
  }
  const lists = async (client: Client): Promise<readonly unknown[]> => {
    const shown = await client.query("show lists");
    return shown.rows.map(({ list }) => list);
  };
  if (isKnown)
    expect(await lists(ours)).toEqual(expect.arrayContaining([...(await lists(theirs))]));
  await theirs.end();
  await bouncer.end();
});
