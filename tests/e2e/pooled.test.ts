import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import postgresJs from "postgres";
import {
  cancelRequest,
  connectWire,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  psql,
  startGatewayd,
  startPostgres,
  testNeeding,
  waitFor,
} from "../kit/index.ts";

/** The server asks the gateway for SCRAM-SHA-256, as the gateway asks its clients. */
let postgres: PostgresServer;
let directory: string;
let usersFile: string;

beforeAll(async () => {
  postgres = await startPostgres({ auth: "scram-sha-256" });
  directory = await mkdtemp(join(tmpdir(), "gatewayd-pooled-"));
  usersFile = join(directory, "userlist.txt");
  await writeFile(usersFile, `"postgres" "${postgres.password}"\n`);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function startIn(
  mode: "session" | "transaction" | "statement",
  pool: Readonly<Record<string, unknown>> = {},
): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode, size: 1, ...pool },
      server: { auth: { method: "scram-sha-256", usersFile } },
    }),
  });
}

async function connected(
  gatewayd: GatewaydProcess,
  options: { readonly application_name?: string; readonly options?: string } = {},
): Promise<Client> {
  const client = new Client({
    host: gatewayd.host,
    port: gatewayd.port,
    user: "postgres",
    password: postgres.password,
    database: "postgres",
    ...options,
  });
  await client.connect();
  return client;
}

async function valueOf(client: Client, sql: string): Promise<unknown> {
  const { rows } = await client.query<unknown[]>({ text: sql, rowMode: "array" });
  return rows[0]?.[0];
}

const BACKEND = "select pg_backend_pid()";

/** Knows the key that it was given. */
class CancellableClient extends Client {
  constructor(gatewayd: GatewaydProcess) {
    super({
      host: gatewayd.host,
      port: gatewayd.port,
      user: "postgres",
      password: postgres.password,
      database: "postgres",
    });
  }

  get key(): Buffer {
    const { processID, secretKey } = this as unknown as {
      readonly processID: number;
      readonly secretKey: number;
    };
    const key = Buffer.alloc(8);
    key.writeInt32BE(processID, 0);
    key.writeInt32BE(secretKey, 4);
    return key;
  }
}

async function untilRunning(query: string): Promise<void> {
  await using watcher = await connectedTo(postgres);
  await waitFor("the query to run", async () => {
    const sql = "select count(*)::int from pg_stat_activity where state = 'active' and query = $1";
    const { rows } = await watcher.client.query<{ count: number }>(sql, [query]);
    return rows[0]?.count === 1;
  });
}

async function connectedTo({ host, port, password }: PostgresServer) {
  const client = new Client({ host, port, user: "postgres", password, database: "postgres" });
  await client.connect();
  return { client, [Symbol.asyncDispose]: async () => await client.end() };
}

describe("logging in at the gateway", () => {
  const run = async (gatewayd: GatewaydProcess, user: string, password: string) =>
    await psql("select 1", {
      host: gatewayd.host,
      port: gatewayd.port,
      env: { PGPASSWORD: password, PGUSER: user, PGDATABASE: "postgres" },
    });

  testNeeding("psql")("psql gets in by its password, and not by another", async () => {
    await using gatewayd = await startIn("transaction");
    const right = await run(gatewayd, "postgres", postgres.password);
    expect(right.stdout).toBe("1\n");
    const wrong = await run(gatewayd, "postgres", "wrong");
    const unknown = await run(gatewayd, "nobody", "wrong");
    expect(wrong.stderr).toContain("password authentication failed");
    expect(unknown.stderr.replace("nobody", "postgres")).toBe(wrong.stderr);
    await gatewayd.stop();
  });

  testNeeding("psql")("a database that is not there is the server's to refuse", async () => {
    await using gatewayd = await startIn("transaction");
    const result = await psql("select 1", {
      host: gatewayd.host,
      port: gatewayd.port,
      env: { PGPASSWORD: postgres.password, PGUSER: "postgres", PGDATABASE: "nowhere" },
    });
    expect(result.stderr).toContain('database "nowhere" does not exist');
    await gatewayd.stop();
  });

  test("a setting that is not there is the server's to refuse", async () => {
    await using gatewayd = await startIn("transaction");
    const attempt = connected(gatewayd, { options: "-c nonsense=1" });
    expect(attempt).rejects.toThrow('unrecognized configuration parameter "nonsense"');
    await attempt.catch(() => {});
    await gatewayd.stop();
  });
});

describe("transaction mode", () => {
  test("many clients of three drivers share one server connection", async () => {
    await using gatewayd = await startIn("transaction");
    const clients = await Promise.all(Array.from({ length: 8 }, () => connected(gatewayd)));
    const url = `postgres://postgres:${encodeURIComponent(postgres.password)}@${gatewayd.host}:${gatewayd.port}/postgres`;
    const js = postgresJs(url, { max: 2, prepare: false });
    const bun = new SQL(url, { max: 2, prepare: false });
    const rounds = Array.from({ length: 20 }, (_, round) => round);
    const own = clients.map(async (client, index) => {
      for (const round of rounds) {
        expect(await valueOf(client, `select ${index * 1000 + round}`)).toBe(index * 1000 + round);
      }
    });
    const others = rounds.map(async (round) => {
      const [first] = await js`select ${round}::int as value`;
      expect(first?.["value"]).toBe(round);
      const [second] = (await bun`select ${round}::int as value`) as { value: number }[];
      expect(second?.value).toBe(round);
    });
    await Promise.all([...own, ...others]);
    const pids = new Set(await Promise.all(clients.map((client) => valueOf(client, BACKEND))));
    expect(pids.size).toBe(1);
    await Promise.all(clients.map((client) => client.end()));
    await js.end();
    await bun.end();
    await gatewayd.stop();
  });

  test("a transaction has its connection for itself, others wait", async () => {
    await using gatewayd = await startIn("transaction");
    const [one, two] = [await connected(gatewayd), await connected(gatewayd)];
    await one.query("begin; create table if not exists held (x int); insert into held values (1)");
    const waiting = valueOf(two, "select count(*)::int from held");
    expect(await valueOf(one, "select count(*)::int from held")).toBe(1);
    await one.query("commit");
    expect(await waiting).toBe(1);
    await one.query("drop table held");
    await one.end();
    await two.end();
    await gatewayd.stop();
  });

  test("what a client has set follows it, and nobody else", async () => {
    await using gatewayd = await startIn("transaction");
    const one = await connected(gatewayd, { application_name: "one" });
    const two = await connected(gatewayd, { application_name: "two" });
    await one.query("set datestyle to german; set my.own = 'a''\\b'");
    await two.query("begin; set statement_timeout = '5s'; rollback");
    for (let round = 0; round < 3; round++) {
      expect(await valueOf(one, "show datestyle")).toBe("German, DMY");
      expect(await valueOf(one, "show my.own")).toBe("a'\\b");
      expect(await valueOf(one, "show application_name")).toBe("one");
      expect(await valueOf(two, "show datestyle")).toBe("ISO, MDY");
      expect(await valueOf(two, "show statement_timeout")).toBe("0");
      expect(await valueOf(two, "show application_name")).toBe("two");
      expect(await valueOf(two, "select current_setting('my.own', true)")).toBeOneOf([null, ""]);
    }
    await one.query("reset all");
    expect(await valueOf(one, "show datestyle")).toBe("ISO, MDY");
    await one.end();
    await two.end();
    await gatewayd.stop();
  });

  test("a role follows its client, and its rights too", async () => {
    await using gatewayd = await startIn("transaction");
    const [one, two] = [await connected(gatewayd), await connected(gatewayd)];
    await one.query("create role limited");
    await one.query("set role limited");
    expect(await valueOf(two, "select current_user")).toBe("postgres");
    expect(await valueOf(one, "select current_user")).toBe("limited");
    expect(one.query("create database forbidden")).rejects.toThrow("permission denied");
    expect(await valueOf(two, "select current_user")).toBe("postgres");
    await one.query("reset role; drop role limited");
    await one.end();
    await two.end();
    await gatewayd.stop();
  });

  test("a transaction that its client left is rolled back", async () => {
    await using gatewayd = await startIn("transaction");
    const two = await connected(gatewayd);
    await two.query("create table left_behind (x int)");
    const three = await connected(gatewayd);
    await three.query("begin; insert into left_behind values (1)");
    await three.end();
    expect(await valueOf(two, "select count(*)::int from left_behind")).toBe(0);
    await two.query("drop table left_behind");
    await two.end();
    await gatewayd.stop();
  });

  test("what cannot be taken along keeps its connection, until it is given up", async () => {
    await using gatewayd = await startIn("transaction", { size: 2 });
    const [one, two] = [await connected(gatewayd), await connected(gatewayd)];
    await one.query("create temporary table mine (x int)");
    const pid = await valueOf(one, BACKEND);
    expect(await valueOf(two, BACKEND)).not.toBe(pid);
    expect(await valueOf(one, "select count(*)::int from mine")).toBe(0);
    await one.query("discard all");
    await Promise.all([one.end(), two.end()]);
    await gatewayd.stop();
  });

  test("named prepared statements work", async () => {
    await using gatewayd = await startIn("transaction", { size: 2 });
    const [one, two] = [await connected(gatewayd), await connected(gatewayd)];
    for (let round = 0; round < 3; round++) {
      for (const client of [one, two]) {
        const { rows } = await client.query({
          name: "add",
          text: "select $1::int + 1 as x",
          values: [round],
        });
        expect(rows).toEqual([{ x: round + 1 }]);
      }
    }
    await Promise.all([one.end(), two.end()]);
    await gatewayd.stop();
  });

  test("lastval() outside a transaction is refused", async () => {
    await using gatewayd = await startIn("transaction");
    const client = await connected(gatewayd);
    client.on("error", () => {});
    expect(client.query("select lastval()")).rejects.toMatchObject({ code: "0A000" });
    await gatewayd.stop();
  });

  test("a query is cancelled by the gateway's own key", async () => {
    await using gatewayd = await startIn("transaction");
    const client = new CancellableClient(gatewayd);
    await client.connect();
    const failure = client.query("select pg_sleep(60)").catch((thrown: unknown) => thrown);
    await untilRunning("select pg_sleep(60)");
    await using canceller = await connectWire(gatewayd);
    canceller.send(cancelRequest(client.key));
    expect(await failure).toMatchObject({ code: "57014" });
    expect(await valueOf(client, "select 1")).toBe(1);
    await client.end();
    await gatewayd.stop();
  });
});

describe("session mode", () => {
  test("keeps a connection for a client, and cleans it for the next", async () => {
    await using gatewayd = await startIn("session");
    const one = await connected(gatewayd);
    const pid = await valueOf(one, BACKEND);
    await one.query("create temporary table mine (x int); set datestyle to german");
    await one.query("listen news");
    await one.end();
    const two = await connected(gatewayd);
    expect(await valueOf(two, BACKEND)).toBe(pid);
    expect(await valueOf(two, "select to_regclass('mine')")).toBeNull();
    expect(await valueOf(two, "show datestyle")).toBe("ISO, MDY");
    expect(await valueOf(two, "select count(*)::int from pg_listening_channels()")).toBe(0);
    await two.end();
    await gatewayd.stop();
  });
});

describe("statement mode", () => {
  test("refuses a transaction of several statements", async () => {
    await using gatewayd = await startIn("statement");
    const client = await connected(gatewayd);
    client.on("error", () => {});
    expect(await valueOf(client, "select 1")).toBe(1);
    const failure = await client.query("begin").then(
      () => client.query("select 2").catch((thrown: unknown) => thrown),
      (thrown: unknown) => thrown,
    );
    expect(failure).toBeInstanceOf(Error);
    const other = await connected(gatewayd);
    expect(await valueOf(other, "select 3")).toBe(3);
    await other.end();
    await gatewayd.stop();
  });
});
