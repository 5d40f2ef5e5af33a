/** What a reload changes in a pooled group, while pgbench works through it: no transaction may fail. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { writeFile } from "node:fs/promises";
import { Client } from "pg";
import {
  type PostgresServer,
  connectWire,
  expectIdle,
  expectSameDescriptors,
  freePort,
  openDescriptors,
  startPostgres,
  testNeeding,
  waitFor,
} from "../kit/index.ts";
import { type Load, ReloadStage, removeBlock } from "./reload-stage.ts";

let first: PostgresServer;
let second: PostgresServer;
let stage: ReloadStage;

beforeAll(async () => {
  [first, second] = await Promise.all([
    startPostgres({ settings: { idle_in_transaction_session_timeout: 0 } }),
    startPostgres(),
  ]);
}, 60_000);

afterAll(async () => {
  await Promise.all([first[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
});

beforeEach(async () => {
  stage = await ReloadStage.start(first.address);
}, 30_000);

afterEach(async () => {
  await stage[Symbol.asyncDispose]();
});

/** How many connections gatewayd has to a server. */
async function connectionsTo(server: PostgresServer): Promise<number> {
  const rows = await server.query(
    "select 1 from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
  );
  return rows.length;
}

/** A client that stays, as a program would. */
async function connected(database = "postgres", port = stage.gatewayd.port): Promise<Client> {
  const client = new Client({ host: stage.gatewayd.host, port, user: "postgres", database });
  client.on("error", () => {});
  await client.connect();
  return client;
}

/** What the gateway says to a client that it ends. */
function farewellOf(client: Client): Promise<unknown> {
  return new Promise((resolve) => client.once("error", resolve));
}

/** To clients of a block, a group or a route that a reload has removed. */
const REMOVED = {
  code: "57P01",
  message: "terminating connection because its server is no longer in the gateway's configuration",
};

async function portSeenBy(client: Client): Promise<string> {
  const { rows } = await client.query<{ port: string }>("select current_setting('port') as port");
  return rows[0]?.port ?? "";
}

/** Long-lived clients, and others that connect for each transaction. */
async function loads(): Promise<Load[]> {
  return [await stage.load(), await stage.load({ clients: 2, args: ["-C"] })];
}

async function endAll(all: readonly Load[]): Promise<void> {
  for (const load of all) await load.end();
}

testNeeding("pgbench")(
  "a pool becomes smaller and larger",
  async () => {
    const all = await loads();
    await waitFor("several connections", async () => (await connectionsTo(first)) > 2);
    await stage.change(({ pools }) =>
      Object.assign(pools["default"]?.["writes"] ?? {}, { size: 2 }),
    );
    await waitFor("two connections", async () => (await connectionsTo(first)) === 2);
    for (const load of all) await load.proceeds();
    expect(await connectionsTo(first)).toBe(2);
    await stage.change(({ pools }) =>
      Object.assign(pools["default"]?.["writes"] ?? {}, { size: 6 }),
    );
    await waitFor("more connections", async () => (await connectionsTo(first)) > 2);
    expect(await stage.pool()).toMatchObject({ size: 6 });
    await endAll(all);
  },
  60_000,
);

testNeeding("pgbench")(
  "the mode changes for what is leased from then on, there and back",
  async () => {
    const all = await loads();
    const stays = await connected();
    // What it has prepared no server connection of its own would know.
    const prepared = await connected();
    const runPrepared = async (): Promise<unknown> =>
      (await prepared.query({ name: "mine", text: "select $1::int as n", values: [7] })).rows[0];
    expect(await runPrepared()).toEqual({ n: 7 });
    const backendOf = async (): Promise<unknown> =>
      (await stays.query("select pg_backend_pid() as pid")).rows[0];
    await stage.change(({ pools }) => {
      Object.assign(pools["default"]?.["writes"] ?? {}, { mode: "session", size: 20 });
    });
    expect(await stage.pool()).toMatchObject({ mode: "session" });
    const own = await backendOf();
    for (const load of all) await load.proceeds();
    for (let round = 0; round < 20; round++) {
      expect([await backendOf(), await runPrepared()]).toEqual([own, { n: 7 }]);
    }
    await stage.change(({ pools }) => {
      Object.assign(pools["default"]?.["writes"] ?? {}, { mode: "transaction" });
    });
    expect(await stage.pool()).toMatchObject({ mode: "transaction" });
    // Whoever has a server connection for its session keeps it.
    expect(await backendOf()).toEqual(own);
    expect(await runPrepared()).toEqual({ n: 7 });
    await Promise.all([stays.end(), prepared.end()]);
    await endAll(all);
  },
  60_000,
);

testNeeding("pgbench")(
  "time limits hold for sessions that are there",
  async () => {
    const load = await stage.load();
    const busy = await connected();
    const idle = await connected();
    await Promise.all([busy.query("select 1"), idle.query("select 1")]);
    await stage.change(({ servers }) => {
      Object.assign(servers["default"] ?? {}, { queryTimeout: "300ms" });
    });
    expect(await busy.query("select pg_sleep(20)").catch((error: unknown) => error)).toMatchObject({
      code: "57014",
    });
    const ended = new Promise((resolve) => idle.once("end", () => resolve("ended")));
    await stage.change(({ servers }) => {
      Object.assign(servers["default"] ?? {}, { idleTimeout: "500ms", queryTimeout: "0s" });
    });
    expect(await ended).toBe("ended");
    await busy.end().catch(() => {});
    await load.end();
  },
  60_000,
);

testNeeding("pgbench")(
  "a server moves to another address: the sessions go on there",
  async () => {
    const all = await loads();
    const client = await connected();
    expect(await portSeenBy(client)).toBe(String(first.port));
    const answer = await stage.change(({ clients }) => {
      Object.assign(clients["default"]?.["writes"] ?? {}, { address: second.address });
    });
    expect(answer).toMatchObject({
      changed: ["clients.default.writes.address"],
      needsRestart: [],
    });
    expect(await portSeenBy(client)).toBe(String(second.port));
    await waitFor("no connection to the first", async () => (await connectionsTo(first)) === 0);
    await client.end();
    await endAll(all);
  },
  60_000,
);

testNeeding("pgbench")(
  "the login to the server changes",
  async () => {
    await first.query("create role worker login superuser");
    const all = await loads();
    const client = await connected();
    const user = async (): Promise<unknown> =>
      (await client.query("select current_user::text as name")).rows[0];
    expect(await user()).toEqual({ name: "postgres" });
    await stage.change(({ clients }) => {
      const startupParams = { user: "worker", database: "postgres" };
      Object.assign(clients["default"]?.["writes"] ?? {}, { startupParams });
    });
    expect(await user()).toEqual({ name: "worker" });
    await stage.change(({ clients }) => {
      const startupParams = { user: "worker", database: "postgres", search_path: "pg_catalog" };
      Object.assign(clients["default"]?.["writes"] ?? {}, { startupParams });
    });
    await waitFor("connections with the new setting", async () => {
      const { rows } = await client.query<{ path: string }>(
        "select current_setting('search_path') as path",
      );
      return rows[0]?.path === "pg_catalog";
    });
    await client.end();
    await endAll(all);
  },
  60_000,
);

testNeeding("pgbench")(
  "blocks come and go, the balancer changes, and clients are led to what there is",
  async () => {
    const all = await loads();
    const stays = await connected();
    expect(await portSeenBy(stays)).toBe(String(first.port));
    await stage.change(({ clients, pools, servers }) => {
      Object.assign(clients["default"] ?? {}, { reads: { address: second.address } });
      Object.assign(pools["default"] ?? {}, { reads: { size: 4, mode: "transaction" } });
      Object.assign(servers["default"] ?? {}, {
        loadBalancer: {
          strategy: "WEIGHTED_ROUND_ROBIN",
          loadBalancingRules: [
            {
              condition: "DEFAULT",
              distribution: [
                { proxyName: "writes", weight: 1 },
                { proxyName: "reads", weight: 1_000 },
              ],
            },
          ],
        },
      });
    });
    const led = await connected();
    expect(await portSeenBy(led)).toBe(String(second.port));
    // A session keeps to its block.
    expect(await portSeenBy(stays)).toBe(String(first.port));
    await stage.change((config) => {
      removeBlock(config, "default", "writes");
      Object.assign(config.servers["default"] ?? {}, { loadBalancer: {} });
    });
    expect(await portSeenBy(stays)).toBe(String(second.port));
    await waitFor("no connection to the first", async () => (await connectionsTo(first)) === 0);
    expect(await stage.pool("writes")).toBeUndefined();
    await Promise.all([led.end(), stays.end()]);
    await endAll(all);
  },
  60_000,
);

test("who has something on a server that nobody else can give it leaves at the end of its transaction", async () => {
  const change = (): Promise<unknown> =>
    stage.change((config) => {
      const { clients, pools } = config;
      Object.assign(clients["default"] ?? {}, { reads: { address: second.address } });
      Object.assign(pools["default"] ?? {}, { reads: { size: 4, mode: "transaction" } });
      removeBlock(config, "default", "writes");
    });
  await using pinned = await connectWire(stage.gatewayd);
  await pinned.login();
  pinned.query("create temporary table mine (n int)");
  await pinned.messagesUntil("Z");
  pinned.query("begin");
  await pinned.messagesUntil("Z");
  await change();
  pinned.query("insert into mine values (1)");
  expect((await pinned.messagesUntil("Z")).some(({ type }) => type === "E")).toBe(false);
  pinned.query("commit");
  await pinned.messagesUntil("Z");
  expect(await pinned.errorResponse()).toMatchObject(REMOVED);
  await pinned.ended();
});

testNeeding("pgbench")(
  "routes lead clients elsewhere, and those that none leads anywhere leave",
  async () => {
    await first.query("create database shop");
    await second.query("create database shop");
    await second.query("create database depot");
    const load = await stage.load();
    const shop = await connected("shop");
    expect(await portSeenBy(shop)).toBe(String(first.port));
    await stage.change(({ clients, pools, servers }) => {
      Object.assign(clients["default"] ?? {}, { other: { address: second.address } });
      Object.assign(pools["default"] ?? {}, { other: { size: 4, mode: "transaction" } });
      Object.assign(servers["default"] ?? {}, {
        routes: [
          { database: "shop", blocks: "other" },
          { database: "postgres", blocks: "writes" },
        ],
      });
    });
    expect(await portSeenBy(shop)).toBe(String(second.port));
    const refused = new Client({
      host: stage.gatewayd.host,
      port: stage.gatewayd.port,
      user: "postgres",
      database: "depot",
    });
    expect(await refused.connect().catch((error: unknown) => error)).toMatchObject({
      code: "3D000",
    });
    const farewell = farewellOf(shop);
    await stage.change(({ servers }) => {
      Object.assign(servers["default"] ?? {}, {
        routes: [
          { database: "depot", blocks: "other" },
          { database: "postgres", blocks: "writes" },
        ],
      });
    });
    expect(await farewell).toMatchObject(REMOVED);
    await load.end();
  },
  60_000,
);

testNeeding("pgbench")(
  "groups come and go, and a group that goes lets its clients finish",
  async () => {
    const all = await loads();
    const port = await freePort();
    await stage.change((config) => {
      config.clients["tenant"] = { writes: { address: second.address } };
      config.pools["tenant"] = { writes: { size: 4, mode: "transaction" } };
      config.servers["tenant"] = { address: `127.0.0.1:${port}`, auth: { method: "trust" } };
    });
    const load = await stage.load({ port });
    const client = await connected("postgres", port);
    expect(await portSeenBy(client)).toBe(String(second.port));
    await load.end();
    await load[Symbol.asyncDispose]();
    await client.query("begin");
    const farewell = farewellOf(client);
    await stage.change((config) => {
      removeBlock(config, "tenant", "writes");
      delete config.servers["tenant"];
    });
    expect(await connected("postgres", port).catch((error: unknown) => error)).toMatchObject({
      code: "ECONNREFUSED",
    });
    await client.query("select 1");
    await client.query("commit");
    expect(await farewell).toMatchObject(REMOVED);
    expect(await stage.pool("writes", "tenant")).toBeUndefined();
    await waitFor("no connection to its server", async () => (await connectionsTo(second)) === 0);
    await endAll(all);
  },
  60_000,
);

test("a gateway that stops lets clients finish of a group that was removed before, too", async () => {
  const port = await freePort();
  await stage.change((config) => {
    config.clients["tenant"] = { writes: { address: second.address } };
    config.pools["tenant"] = { writes: { size: 4, mode: "transaction" } };
    config.servers["tenant"] = { address: `127.0.0.1:${port}`, auth: { method: "trust" } };
  });
  const client = await connected("postgres", port);
  await client.query("begin");
  const farewell = farewellOf(client);
  await stage.change((config) => {
    removeBlock(config, "tenant", "writes");
    delete config.servers["tenant"];
  });
  stage.gatewayd.process.kill("SIGTERM");
  await stage.gatewayd.process.waitForLine("GatewayD is shutting down");
  await client.query("select 1");
  await client.query("commit");
  expect(await farewell).toMatchObject(REMOVED);
  expect(await stage.gatewayd.process.waitForExit()).toEqual({ code: 0, signal: null });
});

testNeeding("pgbench")(
  "a bad file changes nothing, and is told with line and column",
  async () => {
    const load = await stage.load();
    const text = await Bun.file(stage.path).text();
    await writeFile(stage.path, text.replace('"size": 8', '"size": 0, "colour": "blue"'));
    const line = text.split("\n").findIndex((each) => each.includes('"size": 8')) + 1;
    const refused = await stage.type("reload");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      new RegExp(`${stage.path}:${line}:\\d+: pools\\.default\\.writes\\.size: must be at least 1`),
    );
    expect(refused.stderr).toMatch(
      new RegExp(`${stage.path}:${line}:\\d+: pools\\.default\\.writes\\.colour: unknown key`),
    );
    expect(await stage.pool()).toMatchObject({ mode: "transaction", size: 8 });
    await stage.gatewayd.process.waitForLine(/ERR .*pools\.default\.writes\.colour: unknown key/);
    await stage.gatewayd.process.waitForLine(
      "Failed to reload the configuration, nothing is changed",
    );
    await stage.gatewayd.process.waitForLine(
      /reload the configuration.* result=ERR_RELOAD_REFUSED/,
    );
    // As an editor on a full disk leaves it.
    await writeFile(stage.path, "");
    expect(await stage.type("reload")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`${stage.path}: is empty, and was not at the start`),
    });
    await load.end();
  },
  60_000,
);

test("a file that the configuration names is read before anything is changed", async () => {
  const users = `${stage.gatewayd.directory}/users.yaml`;
  await writeFile(users, "users: [{ name: alice, pasword: secret }]\n");
  const text = await Bun.file(stage.path).text();
  const auth = `"method": "scram-sha-256", "usersFile": ${JSON.stringify(users)}`;
  await writeFile(
    stage.path,
    text.replace('"method": "trust"', auth).replace('"size": 8', '"size": 3'),
  );
  const refused = await stage.type("reload");
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(new RegExp(`${users}:1:\\d+: `)),
  ]);
  expect(await stage.pool()).toMatchObject({ size: 8 });
});

test("what needs a restart is named, and shown as it is", async () => {
  const answer = await stage.change(({ servers, pools }) => {
    Object.assign(servers["default"] ?? {}, { address: "127.0.0.1:1", socketMode: "0700" });
    Object.assign(pools["default"]?.["writes"] ?? {}, { size: 3 });
  });
  expect(answer).toMatchObject({
    changed: ["pools.default.writes.size"],
    needsRestart: ["servers.default.address", "servers.default.socketMode"],
  });
  await stage.gatewayd.process.waitForLine(
    /WRN .*after a restart only.*servers\.default\.address.*servers\.default\.socketMode/,
  );
  const response = await fetch(`http://${stage.apiAddress}/api/v1/settings`);
  const { settings } = (await response.json()) as { settings: { path: string; value: string }[] };
  const address = settings.find(({ path }) => path === "servers.default.address");
  expect(address?.value).toContain("127.0.0.1:0");
  const client = await connected();
  await client.end();
});

test("nothing is reloaded if the rest is not valid without what needs a restart", async () => {
  await using raw = await ReloadStage.start(first.address, {
    server: { protocol: "raw", auth: undefined },
    pool: { mode: "passthrough" },
  });
  Object.assign(raw.config.servers["default"] ?? {}, {
    protocol: "postgres",
    auth: { method: "trust" },
  });
  Object.assign(raw.config.pools["default"]?.["writes"] ?? {}, { mode: "transaction", size: 3 });
  await writeFile(raw.path, JSON.stringify(raw.config));
  const refused = await raw.type("reload");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("servers.default.protocol: needs a restart, without which");
  expect(await raw.pool()).toMatchObject({ mode: "passthrough", size: 8 });
});

testNeeding("pgbench")(
  "fifty reloads leave nothing behind",
  async () => {
    const load = await stage.load();
    const { pid } = stage.gatewayd.process;
    const port = await freePort();
    const toAndFro = async (round: number): Promise<void> => {
      await stage.change((config) => {
        const { clients, pools, servers } = config;
        Object.assign(clients["default"] ?? {}, { reads: { address: second.address } });
        Object.assign(pools["default"] ?? {}, { reads: { size: 4, mode: "transaction" } });
        Object.assign(pools["default"]?.["writes"] ?? {}, { size: 4 + (round % 4) });
        clients["tenant"] = { writes: { address: second.address } };
        pools["tenant"] = { writes: { size: 2, mode: "transaction", minSize: 1 } };
        servers["tenant"] = { address: `127.0.0.1:${port}`, auth: { method: "trust" } };
      });
      await stage.change((config) => {
        removeBlock(config, "default", "reads");
        removeBlock(config, "tenant", "writes");
        delete config.servers["tenant"];
        Object.assign(config.pools["default"]?.["writes"] ?? {}, { size: 8 });
      });
    };
    await toAndFro(0);
    await load.proceeds();
    for (let round = 0; round < 25; round++) await toAndFro(round);
    await load.end();
    await load[Symbol.asyncDispose]();
    await stage.change(({ pools }) => {
      Object.assign(pools["default"]?.["writes"] ?? {}, { idleTimeout: "200ms" });
    });
    await waitFor("no connection to a server", async () => {
      return (await connectionsTo(first)) + (await connectionsTo(second)) === 0;
    });
    const before = openDescriptors(pid);
    await toAndFro(1);
    await expectSameDescriptors(pid, before);
    await expectIdle(pid);
  },
  120_000,
);

test("SIGHUP reloads, too", async () => {
  stage.config.pools["default"] = { writes: { size: 5, mode: "transaction" } };
  await writeFile(stage.path, JSON.stringify(stage.config));
  stage.gatewayd.process.kill("SIGHUP");
  await stage.gatewayd.process.waitForLine(
    /Reloaded the configuration.*pools\.default\.writes\.size/,
  );
  expect(await stage.pool()).toMatchObject({ size: 5 });
});
