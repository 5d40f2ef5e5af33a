/** Several databases behind one port: `routes`. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import {
  connectWire,
  type GatewaydProcess,
  type PostgresServer,
  startGatewayd,
  startPostgres,
} from "../kit/index.ts";

let first: PostgresServer;
let second: PostgresServer;
let gatewayd: GatewaydProcess;

beforeAll(async () => {
  [first, second] = await Promise.all([startPostgres(), startPostgres()]);
  await first.query("create database shop");
  await second.query("create database stock_2026");
  await second.query("create role auditor login");
  gatewayd = await startGatewayd({ config: config() });
}, 60_000);

afterAll(async () => {
  await gatewayd.stop();
  await gatewayd[Symbol.asyncDispose]();
  await Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
});

function config(): string {
  const pool = { mode: "transaction", size: 2 };
  return JSON.stringify({
    loggers: { default: { noColor: true } },
    clients: {
      default: { one: { address: first.address }, Two: { address: second.address } },
    },
    pools: { default: { one: pool, two: pool } },
    servers: {
      default: {
        address: "127.0.0.1:0",
        auth: { method: "trust" },
        routes: [
          { database: "shop", blocks: "one" },
          { database: ["stock", "depot"], blocks: ["TWO"], as: "stock_2026" },
          { database: "*", user: "auditor", blocks: "two", as: "postgres" },
        ],
      },
    },
  });
}

/** Port and database that a client ends up at, or why it does not. */
async function placeOf(database: string, user = "postgres"): Promise<readonly string[]> {
  await using client = await connectWire(gatewayd);
  client.startup({ user, database });
  for (;;) {
    const { type, body } = await client.message();
    if (type === "E") return [/\0C(\w{5})\0/.exec(body.toString())?.[1] ?? ""];
    if (type === "Z") break;
  }
  client.query("select current_setting('port'), current_database()");
  const messages = await client.messagesUntil("Z");
  const row = messages.find(({ type }) => type === "D")?.body ?? Buffer.alloc(0);
  const portBytes = row.readInt32BE(2);
  return [row.toString("utf8", 6, 6 + portBytes), row.toString("utf8", 10 + portBytes)];
}

test("two databases on two servers are reached through one port, under the names they have here", async () => {
  const [one, two] = [String(first.port), String(second.port)];
  const places = await Promise.all(
    Array.from({ length: 6 }, async () => [
      await placeOf("shop"),
      await placeOf("stock"),
      await placeOf("depot"),
    ]),
  );
  for (const place of places) {
    expect(place).toEqual([
      [one, "shop"],
      [two, "stock_2026"],
      [two, "stock_2026"],
    ]);
  }
});

test("the first route that fits decides, by the user too", async () => {
  expect(await placeOf("anything", "auditor")).toEqual([String(second.port), "postgres"]);
  expect(await placeOf("stock", "auditor")).toEqual([String(second.port), "stock_2026"]);
});

test("a database without a route is refused, also if a server has it", async () => {
  expect(await placeOf("stock_2026")).toEqual(["3D000"]);
  expect(await placeOf("postgres")).toEqual(["3D000"]);
  await gatewayd.process.waitForLine("no route fits");
});
