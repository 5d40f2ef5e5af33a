/** What a reload changes in a group of passthrough, and from one kind of group to the other. */
import { afterAll, afterEach, beforeAll, beforeEach, expect } from "bun:test";
import { Client } from "pg";
import { type PostgresServer, startPostgres, testNeeding, waitFor } from "../kit/index.ts";
import { ReloadStage, removeBlock } from "./reload-stage.ts";

let first: PostgresServer;
let second: PostgresServer;
let stage: ReloadStage;

beforeAll(async () => {
  [first, second] = await Promise.all([startPostgres(), startPostgres()]);
}, 60_000);

afterAll(async () => {
  await Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
});

beforeEach(async () => {
  stage = await ReloadStage.start(first.address, {
    server: { auth: { method: "relay" } },
    pool: { mode: "passthrough" },
  });
}, 30_000);

afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

async function connected(): Promise<Client> {
  const { host, port } = stage.gatewayd;
  const client = new Client({ host, port, user: "postgres", database: "postgres" });
  client.on("error", () => {});
  await client.connect();
  return client;
}

async function portSeenBy(client: Client): Promise<string> {
  const { rows } = await client.query<{ port: string }>("select current_setting('port') as port");
  return rows[0]?.port ?? "";
}

async function portSeenAnew(): Promise<string> {
  const client = await connected();
  const port = await portSeenBy(client);
  await client.end();
  return port;
}

testNeeding("pgbench")(
  "size, address and time limits change; whoever is connected stays",
  async () => {
    const long = await stage.load();
    const short = await stage.load({ clients: 2, args: ["-C"] });
    const stays = await connected();
    await stage.change(({ pools, clients, servers }) => {
      Object.assign(pools["default"]?.["writes"] ?? {}, { size: 12 });
      Object.assign(clients["default"]?.["writes"] ?? {}, { address: second.address });
      Object.assign(servers["default"] ?? {}, { queryTimeout: "300ms" });
    });
    expect(await portSeenBy(stays)).toBe(String(first.port));
    await waitFor("new clients at the other server", async () => {
      return (await portSeenAnew()) === String(second.port);
    });
    expect(await stays.query("select pg_sleep(20)").catch((error: unknown) => error)).toMatchObject(
      { code: "57014" },
    );
    await stage.change(({ pools }) =>
      Object.assign(pools["default"]?.["writes"] ?? {}, { size: 8 }),
    );
    await waitFor("the pool to have its size", async () => {
      const { size, available, leased } = {
        size: 0,
        available: 0,
        leased: 0,
        ...(await stage.pool()),
      };
      return size === 8 && available + leased <= 8;
    });
    await stays.end();
    await long.end();
    await short.end();
  },
  60_000,
);

testNeeding("pgbench")(
  "a block that is added gets clients, and who is connected to one that is removed is told to leave",
  async () => {
    await stage.change(({ clients, pools }) => {
      Object.assign(clients["default"] ?? {}, { reads: { address: second.address } });
      Object.assign(pools["default"] ?? {}, { reads: { size: 8 } });
    });
    await waitFor("clients at both servers", async () => {
      const ports = new Set([await portSeenAnew(), await portSeenAnew(), await portSeenAnew()]);
      return ports.size === 2;
    });
    const clients = await Promise.all([connected(), connected()]);
    const ports = await Promise.all(clients.map(portSeenBy));
    const leaving = clients[ports.indexOf(String(first.port))];
    const staying = clients[ports.indexOf(String(second.port))];
    await leaving?.query("begin");
    const farewell = new Promise((resolve) => leaving?.once("error", resolve));
    await stage.change((config) => removeBlock(config, "default", "writes"));
    await leaving?.query("select 1");
    await leaving?.query("commit");
    expect(await farewell).toMatchObject({
      code: "57P01",
      message:
        "terminating connection because its server is no longer in the gateway's configuration",
    });
    expect(staying && (await portSeenBy(staying))).toBe(String(second.port));
    const short = await stage.load({ clients: 4, args: ["-C"] });
    await short.end();
    await staying?.end();
  },
  60_000,
);

testNeeding("pgbench")(
  "a group begins to pool, and ends to, while its clients go on as they came",
  async () => {
    const long = await stage.load();
    const short = await stage.load({ clients: 2, args: ["-C"] });
    await stage.change(({ pools, servers }) => {
      Object.assign(pools["default"]?.["writes"] ?? {}, { mode: "transaction" });
      Object.assign(servers["default"] ?? {}, { auth: { method: "trust" } });
    });
    const pooled = await stage.load();
    expect(await stage.pool()).toMatchObject({ mode: "transaction" });
    await stage.change(({ pools, servers }) => {
      Object.assign(pools["default"]?.["writes"] ?? {}, { mode: "passthrough", size: 6 });
      Object.assign(servers["default"] ?? {}, { auth: { method: "relay" } });
    });
    expect(await stage.pool()).toMatchObject({ mode: "passthrough", size: 6 });
    for (const load of [long, pooled, short]) await load.end();
  },
  60_000,
);
