/** Gateways that log in to their servers as one user, whoever the clients are. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client } from "pg";
import { oneBlockConfig, type PostgresServer, startPostgres, waitFor } from "../kit/index.ts";
import { type GatewayInProcess, makeGateway } from "./start-gateway.ts";

const RULES = `
local all clear    password
host  all shared   all scram-sha-256
host  all all      all trust
`;

const LOGIN = { user: "shared", password: "s3cret", database: "shop" };

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres({ rules: RULES });
  await postgres.query("create role shared login password 's3cret'");
  await postgres.query("create role clear login password 's3cret'");
  await postgres.query("create database shop");
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function start(
  startupParams: Record<string, string>,
  pool: Record<string, unknown> = {},
  client: Record<string, unknown> = {},
  server: Record<string, unknown> = {},
): Promise<GatewayInProcess> {
  const config = oneBlockConfig(postgres.address, {
    client: { startupParams, ...client },
    pool: { size: 1, queueTimeout: "5s", ...pool },
    server: { auth: { method: "trust" }, ...server },
  });
  const made = await makeGateway(config);
  await made.gateway.boot();
  return made;
}

/** Of a user that no server knows. */
async function connect(
  gateway: GatewayInProcess,
  more: { readonly database?: string; readonly application_name?: string } = {},
): Promise<Client> {
  const client = new Client({ ...gateway.target, user: "alice", database: "shop", ...more });
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function rowOf(client: Client, sql: string): Promise<unknown[]> {
  const { rows } = await client.query<unknown[]>({ text: sql, rowMode: "array" });
  return rows[0] ?? [];
}

const SESSION = `select current_user::text, current_database()::text,
  current_setting('application_name'), current_setting('client_encoding'),
  current_setting('search_path')`;

describe.each([undefined, "passthrough", "session", "transaction", "statement"])(
  "mode %p",
  (mode) => {
    const pool = mode === undefined ? {} : { mode };

    test("every client is logged in as the one user", async () => {
      await using gateway = await start({ ...LOGIN, search_path: "stock" }, pool);
      const client = await connect(gateway);
      expect(await rowOf(client, SESSION)).toEqual(["shared", "shop", "gatewayd", "UTF8", "stock"]);
      await client.end();
    });

    test("what a client asks for is its own, and gone when it has left", async () => {
      await using gateway = await start({ ...LOGIN, application_name: "billing" }, pool);
      const first = await connect(gateway, { application_name: "report" });
      await first.query("set search_path to own");
      const [pid] = await rowOf(first, "select pg_backend_pid()");
      const own = await rowOf(first, SESSION);
      await first.end();
      const second = await connect(gateway);
      const [samePid] = await rowOf(second, "select pg_backend_pid()");
      const clean = await rowOf(second, SESSION);
      await second.end();
      expect(own).toEqual(["shared", "shop", "report", "UTF8", "own"]);
      expect(clean).toEqual(["shared", "shop", "billing", "UTF8", '"$user", public']);
      expect(samePid).toBe(pid);
    });
  },
);

test("a client that leaves a temporary table without a mode leaves nothing behind", async () => {
  await using gateway = await start(LOGIN);
  const first = await connect(gateway);
  await first.query("create temp table mine (id int)");
  await first.end();
  const second = await connect(gateway);
  await expect(second.query("select * from mine")).rejects.toThrow("does not exist");
  await second.end();
});

test("a client that asks for another database is told that there is none", async () => {
  await using gateway = await start(LOGIN);
  const attempt = connect(gateway, { database: "postgres" });
  await expect(attempt).rejects.toMatchObject({ code: "3D000" });
});

test("a route may lead to it under another name", async () => {
  const routes = [{ database: "orders", blocks: "writes", as: "shop" }];
  await using gateway = await start(LOGIN, {}, {}, { routes });
  const client = await connect(gateway, { database: "orders" });
  expect(await rowOf(client, "select current_database()::text")).toEqual(["shop"]);
  await client.end();
  await expect(connect(gateway)).rejects.toMatchObject({ code: "3D000" });
});

test("a password that is wrong is the gateway's fault, and said nowhere", async () => {
  await using gateway = await start({ ...LOGIN, password: "wr0ng" });
  await expect(connect(gateway)).rejects.toMatchObject({ code: "08004" });
  expect(gateway.errors.join("\n")).not.toContain("wr0ng");
});

test("minSize connections are opened ahead", async () => {
  await using _ = await start(LOGIN, { size: 4, minSize: 3 });
  const open = "select 1 from pg_stat_activity where usename = 'shared'";
  await waitFor("three connections", async () => (await postgres.query(open)).length === 3);
});

test("over a Unix socket a password is given in clear text", async () => {
  const network = {
    network: "unix",
    address: `${postgres.socketDirectory}/.s.PGSQL.${postgres.port}`,
  };
  await using gateway = await start({ ...LOGIN, user: "clear" }, {}, network);
  const client = await connect(gateway);
  expect(await rowOf(client, "select current_user::text")).toEqual(["clear"]);
  await client.end();
});
