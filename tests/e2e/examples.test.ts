/** The examples of transaction pooling do what they say, with the executable and a real PostgreSQL. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { documentedSql } from "../fixtures/documented-sql.ts";
import { type PostgresServer, startGatewayd, startPostgres } from "../kit/index.ts";

const ROOT = join(import.meta.dir, "..", "..");
const CLIENTS = 60;

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres({ auth: "scram-sha-256" });
  await postgres.query("create role app login password 'secret'");
  await postgres.query(await documentedSql());
  directory = await mkdtemp(join(tmpdir(), "gatewayd-examples-"));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test.each(["transaction-pooling", "database-users"])("%s.yaml", async (name) => {
  const sql = "select rolpassword from pg_authid where rolname = 'app'";
  const verifier = (await postgres.query(sql))[0]?.["rolpassword"];
  const usersFile = join(directory, "users.yaml");
  await writeFile(usersFile, JSON.stringify({ users: [{ name: "app", verifier }] }));
  const SERVER = "GATEWAYD_SERVERS_DEFAULT";
  await using gatewayd = await startGatewayd({
    config: await readFile(join(ROOT, "examples", `${name}.yaml`), "utf8"),
    env: {
      [`${SERVER}_ADDRESS`]: "127.0.0.1:0",
      GATEWAYD_CLIENTS_DEFAULT_WRITES_ADDRESS: postgres.address,
      ...(name === "transaction-pooling"
        ? { [`${SERVER}_AUTH_USERSFILE`]: usersFile }
        : { [`${SERVER}_AUTH_QUERY_PASSWORD`]: "change me" }),
    },
  });
  const { host, port } = gatewayd;
  const to = { host, port, user: "app", password: "secret", database: "postgres" };
  const clients = Array.from({ length: CLIENTS }, () => new Client(to));
  await Promise.all(clients.map((client) => client.connect()));
  const backends = await Promise.all(
    clients.map(async (client) => {
      await client.query("begin");
      const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
      await client.query("commit");
      return rows[0]?.pid;
    }),
  );
  expect(new Set(backends).size).toBeLessThanOrEqual(20);
  const wrong = new Client({ ...to, password: "wrong" });
  await expect(wrong.connect()).rejects.toMatchObject({ code: "28P01" });
  await Promise.all(clients.map((client) => client.end()));
  await gatewayd.stop();
});
