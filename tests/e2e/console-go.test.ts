/** The console through Go's drivers, and what Prometheus' exporter for PgBouncer does with them. */
import { afterAll, beforeAll, expect } from "bun:test";
import { type BuiltPlugin, goConsoleClient, testGo } from "../fixtures/plugins/built-plugins.ts";
import {
  connectWire,
  freePort,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  runToEnd,
  startGatewayd,
  startPostgres,
  startProcess,
  testNeeding,
  waitFor,
} from "../kit/index.ts";

let postgres: PostgresServer;
let gatewayd: GatewaydProcess;
let client: BuiltPlugin | undefined;
let url: string;

beforeAll(async () => {
  client = await goConsoleClient();
  postgres = await startPostgres();
  await postgres.query("create role ops password 'walrus'");
  const [row] = await postgres.query("select rolpassword from pg_authid where rolname = 'ops'");
  const users = [{ name: "ops", role: "viewer", verifier: row?.["rolpassword"] }];
  gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode: "transaction", size: 3 },
      server: { auth: { method: "trust" } },
      parts: { admin: { console: { users } } },
    }),
  });
  url = `postgres://ops:walrus@${gatewayd.host}:${gatewayd.port}/pgbouncer?sslmode=disable`;
}, 300_000);

afterAll(async () => {
  await gatewayd.stop();
  await gatewayd[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

interface Answer {
  readonly columns: readonly string[] | null;
  readonly rows: readonly (readonly unknown[])[] | null;
  readonly error?: string;
}

async function ask(driver: string, ...statements: readonly string[]): Promise<readonly Answer[]> {
  const { code, stdout, stderr } = await runToEnd(
    [client?.localPath ?? "", driver, url, ...statements],
    { env: {} },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** The first row, by its columns. */
function rowOf(answer: Answer | undefined): Readonly<Record<string, unknown>> {
  const { columns, rows } = answer ?? {};
  return Object.fromEntries((columns ?? []).map((name, index) => [name, rows?.[0]?.[index]]));
}

for (const driver of ["pgx", "pq", "pq-prepared"]) {
  testGo(`${driver} is served`, async () => {
    const [databases, blocks, refused, state] = await ask(
      driver,
      ...["show databases", "show blocks", "show nothing", "show state"],
    );
    expect(rowOf(databases)).toMatchObject({ name: "writes", pool_size: 3, force_user: null });
    expect(rowOf(blocks)).toMatchObject({ block: "writes", paused: false });
    expect(refused?.error).toContain('there is nothing called "nothing" to be shown');
    expect(state?.rows).toContainEqual(["active", "yes"]);
  });
}

/** A client inside a transaction, so that there is something to be seen. */
async function busyClient() {
  const busy = await connectWire(gatewayd);
  await busy.login();
  busy.query("begin");
  await busy.messagesUntil("Z");
  return busy;
}

testGo("what Prometheus' exporter for PgBouncer asks for is there, by its driver", async () => {
  await using _busy = await busyClient();
  const tables = ["databases", "stats_totals", "pools"];
  const [version, lists, config, stats, ...others] = await ask(
    "pq",
    ...["SHOW VERSION;", "SHOW LISTS;", "SHOW CONFIG;", "SHOW STATS"],
    ...tables.map((table) => `SHOW ${table};`),
  );
  expect(version?.columns).toEqual(["version"]);
  expect(lists?.columns).toEqual(["list", "items"]);
  expect(lists?.rows).toContainEqual(["used_servers", 1]);
  // It takes three or four columns, and stops at any other number.
  expect([3, 4]).toContain(config?.columns?.length ?? 0);
  expect(config?.rows).toContainEqual(["max_client_conn", "10000", null, "yes"]);
  expect(rowOf(stats)).toMatchObject({ database: "writes" });
  const [databases, totals, pools] = others.map(rowOf);
  expect(databases).toMatchObject({ name: "writes", pool_size: 3, reserve_pool: 0, paused: 0 });
  expect(pools).toMatchObject({ database: "writes", user: "postgres", cl_active: 1, sv_active: 1 });
  // Numeric, which this driver hands on as a text in base64.
  const queries = Buffer.from(String(totals?.["query_count"]), "base64").toString();
  expect(Number(queries)).toBeGreaterThan(0);
});

testGo("every time is one that agents can take apart", async () => {
  await using _busy = await busyClient();
  for (const answer of await ask("pq", "SHOW CLIENTS", "SHOW SERVERS")) {
    expect(rowOf(answer)).toMatchObject({
      connect_time: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/),
      request_time: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/),
    });
  }
});

testNeeding("pgbouncer_exporter")("the exporter itself finds all that it looks for", async () => {
  await using _busy = await busyClient();
  const port = await freePort();
  await using exporter = await startProcess(
    [
      "pgbouncer_exporter",
      `--pgBouncer.connectionString=${url}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { env: { PATH: process.env["PATH"] } },
  );
  await exporter.waitForLine("Listening on");
  const page = async (): Promise<string> =>
    await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  await waitFor("a page", async () => (await page()).includes("pgbouncer_up 1"));
  const labels = 'database="writes",user="postgres"';
  expect(await page()).toContain(`pgbouncer_pools_client_active_connections{${labels}} 1`);
  await exporter.end();
});
