import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { Client } from "pg";
import postgresJs from "postgres";
import {
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
} from "../kit/index.ts";

/** Clients at once, on two server connections. */
const CLIENTS = 8;
const ROUNDS = 25;

let postgres: PostgresServer;
let gatewayd: GatewaydProcess;

beforeAll(async () => {
  postgres = await startPostgres();
  gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode: "transaction", size: 2, preparedStatements: 5 },
      server: { auth: { method: "trust" } },
    }),
  });
  await postgres.query("create table kept (client int, x int)");
}, 60_000);

afterAll(async () => {
  await gatewayd.stop();
  await gatewayd[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

async function allAtOnce(program: (client: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: CLIENTS }, async (_, client) => await program(client)));
}

/** What was kept of each client, and keeps nothing. */
async function takeKept(): Promise<readonly string[]> {
  const client = new Client(postgres.url);
  await client.connect();
  const { rows } = await client.query<{ readonly client: number; readonly count: string }>(
    "select client, count(*) from kept group by client order by client",
  );
  await client.query("truncate kept");
  await client.end();
  return rows.map(({ count }) => count);
}

const KEPT_OF_EACH = Array.from({ length: CLIENTS }, () => String(ROUNDS));

describe("many clients in transaction mode, on two connections that keep five statements each", () => {
  test("pg: statements with names of their own, errors and transactions", async () => {
    await allAtOnce(async (number) => {
      const client = new Client({
        host: gatewayd.host,
        port: gatewayd.port,
        user: "postgres",
        database: "postgres",
      });
      await client.connect();
      for (let x = 0; x < ROUNDS; x++) {
        // The same name is another statement for each client, and some texts are the same.
        const text = `select $1::int + ${number % 4} as x, '${x % 3}' as kind`;
        const name = `s${x % 3}`;
        const { rows } = await client.query({ name, text, values: [x] });
        expect(rows).toEqual([{ x: x + (number % 4), kind: String(x % 3) }]);
        const divided = client.query({ name: "divide", text: "select 1 / $1::int", values: [0] });
        await expect(divided).rejects.toMatchObject({ code: "22012" });
        await client.query("begin");
        await client.query({
          name: "keep",
          text: "insert into kept values ($1, $2)",
          values: [number, x],
        });
        if (x % 5 === 0) {
          await client.query("savepoint a");
          await expect(
            client.query({ name: "divide", text: "select 1 / $1::int", values: [0] }),
          ).rejects.toThrow();
          await client.query("rollback to a");
        }
        await client.query("commit");
      }
      await client.end();
    });
    expect(await takeKept()).toEqual(KEPT_OF_EACH);
  });

  test("postgres: pipelines, cursors, transactions and savepoints", async () => {
    await allAtOnce(async (number) => {
      const sql = postgresJs({
        host: gatewayd.host,
        port: gatewayd.port,
        user: "postgres",
        database: "postgres",
        max: 2,
      });
      const many = Array.from(
        { length: 100 },
        async (_, x) => (await sql`select ${x + number}::int as x`)[0]?.["x"],
      );
      expect(await Promise.all(many)).toEqual(Array.from({ length: 100 }, (_, x) => x + number));
      let count = 0;
      await sql`select generate_series(1, 500)`.cursor(70, (rows) => {
        count += rows.length;
      });
      expect(count).toBe(500);
      for (let x = 0; x < ROUNDS; x++) {
        await sql.begin(async (inside) => {
          await inside`insert into kept values (${number}, ${x})`;
          const failing = inside.savepoint(async (deeper) => await deeper`select 1 / ${0}::int`);
          await expect(failing).rejects.toMatchObject({ code: "22012" });
        });
        const failing = sql.begin(async (inside) => {
          await inside`insert into kept values (${number}, ${x})`;
          throw new Error("changed my mind");
        });
        await expect(failing).rejects.toThrow("changed my mind");
      }
      await sql.end();
    });
    expect(await takeKept()).toEqual(KEPT_OF_EACH);
  });

  test("Bun.SQL: statements and transactions", async () => {
    await allAtOnce(async (number) => {
      const sql = new SQL({
        ...{ adapter: "postgres", hostname: gatewayd.host, port: gatewayd.port },
        ...{ username: "postgres", database: "postgres", max: 2 },
      });
      for (let x = 0; x < ROUNDS; x++) {
        expect([...(await sql`select ${x}::int as x, ${number}::int as number`)]).toEqual([
          { x, number },
        ]);
        await sql.begin(async (inside) => {
          await inside`insert into kept values (${number}, ${x})`;
          expect([
            ...(await inside`select count(*)::int as count from kept where client = ${number}`),
          ]).toEqual([{ count: x + 1 }]);
        });
        const failure: unknown = await sql`select 1 / ${0}::int`.catch((error: unknown) => error);
        expect(failure).toMatchObject({ errno: "22012" });
      }
      await sql.end();
    });
    expect(await takeKept()).toEqual(KEPT_OF_EACH);
  });
});
