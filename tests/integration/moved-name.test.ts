/** A server whose name stands for another address all of a sudden, as at a switch-over. */
import { afterEach, expect, mock, spyOn, test } from "bun:test";
import * as dns from "node:dns/promises";
import { Client } from "pg";
import { oneBlockConfig, type PostgresServer, startPostgres, waitFor } from "../kit/index.ts";
import { type GatewayInProcess, makeGateway } from "./start-gateway.ts";

const OLD = "127.0.0.1";
const NEW = "127.0.0.2";

afterEach(() => {
  mock.restore();
});

/** Lets every name stand for this address. */
function nameIs(address: string): void {
  const found = [{ address, family: 4 }];
  spyOn(dns, "lookup").mockImplementation((() => Promise.resolve(found)) as never);
}

function startServer(): Promise<PostgresServer> {
  return startPostgres({ settings: { listen_addresses: `${OLD},${NEW}` } });
}

/** The address that the server was reached at. */
async function addressOf(client: Client): Promise<unknown> {
  const { rows } = await client.query<{ at: string }>("select host(inet_server_addr()) as at");
  return rows[0]?.at;
}

async function connect({ target }: GatewayInProcess): Promise<Client> {
  const client = new Client({ ...target, user: "postgres", database: "postgres" });
  // Whatever fails is told by the next query.
  client.on("error", () => {});
  await client.connect();
  return client;
}

test("clients that come are led to the new address, once it was noticed", async () => {
  await using postgres = await startServer();
  nameIs(OLD);
  const name = `db.example.org:${postgres.port}`;
  await using inside = await makeGateway(
    oneBlockConfig(name, { proxy: { healthCheckPeriod: "0s" } }),
  );
  await inside.gateway.boot();
  const staying = await connect(inside);
  expect(await addressOf(staying)).toBe(OLD);
  nameIs(NEW);
  // Its connection was dialled before. When it has left, another is dialled.
  const first = await connect(inside);
  expect(await addressOf(first)).toBe(OLD);
  await first.end();
  await waitFor("a pool of new connections", () => {
    const pool = inside.gateway.snapshot()[0]?.pools["writes"];
    return pool?.available === 3 && pool.retiring === 0;
  });
  for (let round = 0; round < 4; round++) {
    const client = await connect(inside);
    expect(await addressOf(client)).toBe(NEW);
    await client.end();
  }
  // Who is there already is left alone.
  expect(await addressOf(staying)).toBe(OLD);
  await staying.end();
});

test("in the pooled modes sessions go over between two transactions", async () => {
  await using postgres = await startServer();
  nameIs(OLD);
  await using inside = await makeGateway(
    oneBlockConfig(`db.example.org:${postgres.port}`, {
      pool: { mode: "transaction", size: 3 },
      server: { auth: { method: "trust" } },
    }),
  );
  await inside.gateway.boot();
  // One after the other: no more connections are dialled than are needed at once.
  const first = await connect(inside);
  const second = await connect(inside);
  const third = await connect(inside);
  const clients = [first, second, third];
  await first.query("begin");
  await second.query("begin");
  expect([await addressOf(first), await addressOf(second)]).toEqual([OLD, OLD]);
  await second.query("commit");
  expect(await addressOf(third)).toBe(OLD);
  nameIs(NEW);
  await second.query("begin");
  // No connection is free: one is dialled.
  expect(await addressOf(third)).toBe(NEW);
  expect(await addressOf(first)).toBe(OLD);
  await first.query("commit");
  await second.query("commit");
  for (const client of clients) await client.query("begin");
  expect(await Promise.all(clients.map(addressOf))).toEqual([NEW, NEW, NEW]);
  for (const client of clients) await client.query("commit");
  await Promise.all(clients.map((client) => client.end()));
});
