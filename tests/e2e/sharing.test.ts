/** Statements that share a server connection: the grammar inside the executable, and the catalogue behind it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Client } from "pg";
import { startGatewayd, startPostgres, waitFor, oneBlockConfig } from "../kit/index.ts";
import type { GatewaydProcess, PostgresServer } from "../kit/index.ts";

let postgres: PostgresServer;
let gatewayd: GatewaydProcess;
let client: Client;

beforeAll(async () => {
  postgres = await startPostgres();
  gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode: "transaction", size: 2, multiplexDepth: 4, allowFunctions: ["public.mine"] },
      server: { auth: { method: "trust" } },
      level: "debug",
    }),
  });
  const { host, port } = gatewayd;
  client = new Client({ host, port, user: "postgres", database: "postgres" });
  await client.connect();
  await client.query(`
    CREATE TABLE t (id int);
    CREATE VIEW v AS SELECT id FROM t;
    CREATE DOMAIN positive AS int CHECK (value > 0);
    CREATE FUNCTION mine(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1';
    CREATE FUNCTION yours(int) RETURNS int STABLE LANGUAGE sql AS 'SELECT 1'`);
}, 60_000);

afterAll(async () => {
  await client.end();
  await gatewayd[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

/** What the gateway logs of a statement, once it has been used and checked. */
async function checkedLine(sql: string, shown: string): Promise<string> {
  return await waitFor("a verdict", async () => {
    await client.query(sql);
    return gatewayd.process.lines().findLast(({ text }) => text.includes(`"${shown}"`))?.text ?? "";
  });
}

test.each([
  ["SELECT id FROM t WHERE id = 5 AND 'a' <> 'b'", "SELECT id FROM t WHERE id = ? AND ? <> ?"],
  ["SELECT mine(1)", "SELECT mine(?)"],
])("%p may be shared", async (sql, shown) => {
  expect(await checkedLine(sql, shown)).toMatch(/isShared=true/);
});

test.each([
  ["SELECT id FROM v", "SELECT id FROM v"],
  ["SELECT yours(1)", "SELECT yours(?)"],
  ["SELECT random()", "SELECT random()"],
])("%p may not", async (sql, shown) => {
  expect(await checkedLine(sql, shown)).toMatch(/isShared=false/);
});
