import { expect } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorResponse, rows } from "gatewayd/sdk";
import type { Session } from "gatewayd/sdk";
import type { OpenPlugin } from "gatewayd/sdk/testing";
import { answerTo, openPlugin, openSession } from "gatewayd/sdk/testing";
import {
  freePort,
  startProcess,
  startupPacket,
  testNeeding,
  waitFor,
} from "../../tests/kit/index.ts";
import redisCache from "./redis-cache.ts";

const testWithRedis = testNeeding("redis-server");

const SQL = "select name from countries";
const ANSWER = answerTo(SQL, rows(["name"], [["Norway"]]));

/** A session that is logged in. */
async function logIn(
  plugin: OpenPlugin,
  user: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Session> {
  const session = openSession({ user, database: "shop", transactionStatus: "idle" });
  await plugin.request(startupPacket({ user, database: "shop", ...more }), session);
  return session;
}

/** A Redis of this test's own, and the plugin connected to it. */
async function openCache() {
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-redis-"));
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory];
  const server = await startProcess(["redis-server", ...args]);
  await server.waitForLine("Ready to accept connections");
  const url = `redis://127.0.0.1:${port}`;
  const plugin = await openPlugin(redisCache, { url, tables: ["countries"] });
  const ann = await logIn(plugin, "ann", { application_name: "a" });
  await waitFor("the connection", async () => {
    await plugin.request(SQL, ann);
    return (await count(plugin, "miss")) > 0;
  });
  return {
    plugin,
    server,
    ann,
    [Symbol.asyncDispose]: async () => {
      await plugin[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

async function count(plugin: OpenPlugin, result: string): Promise<number> {
  const line = new RegExp(`redis_cache_requests_total\\{result="${result}"\\} (\\d+)`);
  return Number(line.exec(await plugin.metrics())?.[1] ?? 0);
}

testWithRedis("an answer is given again, to the same user only", async () => {
  await using cache = await openCache();
  const { plugin, ann } = cache;
  expect((await plugin.request(SQL, ann)).kind).toBe("forwarded");
  await plugin.response(ANSWER, SQL, ann);
  const outcome = await waitFor("the answer", () => plugin.request(SQL, ann), {
    until: ({ kind }) => kind === "answered",
  });
  expect(outcome.kind === "answered" && Buffer.from(outcome.bytes)).toEqual(Buffer.from(ANSWER));
  expect(await count(plugin, "hit")).toBe(1);
  const twin = await logIn(plugin, "ann", { application_name: "b" });
  expect((await plugin.request(SQL, twin)).kind).toBe("answered");
  const others = [
    await logIn(plugin, "bob"),
    await logIn(plugin, "ann", { TimeZone: "UTC" }),
    // Nobody has seen it log in.
    openSession({ user: "ann", database: "shop", transactionStatus: "idle" }),
  ];
  for (const other of others) expect((await plugin.request(SQL, other)).kind).toBe("forwarded");
});

testWithRedis("a client that may see something else by now has to do without", async () => {
  await using cache = await openCache();
  const { plugin, ann } = cache;
  await plugin.response(ANSWER, SQL, ann);
  const isAnswered = async (session: Session): Promise<boolean> =>
    (await plugin.request(SQL, session)).kind === "answered";
  await waitFor("the answer", () => isAnswered(ann));
  for (const sql of [
    "set app.tenant = 7",
    "/* quietly */ SET ROLE boss",
    "select set_config('role', 'boss', false)",
    "select 1; set role boss",
    "do $$ begin end $$",
    "create temp table countries (name text)",
    "select name into temp countries from mine",
    "not sql",
  ]) {
    const session = await logIn(plugin, "ann");
    await plugin.request(sql, session);
    expect([sql, await isAnswered(session)]).toEqual([sql, false]);
  }
  const session = await logIn(plugin, "ann");
  for (const sql of [
    "select 1;",
    "update t set a = 1",
    "begin; rollback",
    "with x as (select 1) select * from x",
  ]) {
    await plugin.request(sql, session);
    expect([sql, await isAnswered(session)]).toEqual([sql, true]);
  }
});

testWithRedis("a Redis that does not answer is not waited for", async () => {
  await using cache = await openCache();
  const { plugin, server, ann } = cache;
  server.kill("SIGSTOP");
  expect((await plugin.request(SQL, ann)).kind).toBe("forwarded");
  expect(await count(plugin, "error")).toBeGreaterThan(0);
  server.kill("SIGCONT");
});

testWithRedis(
  "errors, other tables, functions, locks, transactions and changes are not cached",
  async () => {
    await using cache = await openCache();
    const { plugin, ann } = cache;
    const misses = await count(plugin, "miss");
    await plugin.response(answerTo(SQL, errorResponse({ message: "no" })), SQL, ann);
    const others = [
      "select * from orders",
      "select count(*) from countries",
      "select name, current_user from countries",
      "select name from countries for update",
      "delete from countries",
      "select 1",
    ];
    for (const sql of others) await plugin.response(answerTo(sql, rows(["a"], [])), sql, ann);
    for (const sql of [SQL, ...others]) {
      expect((await plugin.request(sql, ann)).kind).toBe("forwarded");
    }
    const busy = { ...ann, transactionStatus: "inTransaction" } as const;
    await plugin.request(startupPacket({ user: "ann", database: "shop" }), busy);
    await plugin.request(SQL, busy);
    expect(await count(plugin, "miss")).toBe(misses + 1);
  },
);

testWithRedis("without Redis everything goes on", async () => {
  await using cache = await openCache();
  const { plugin, server, ann } = cache;
  await plugin.request(SQL, ann);
  server.kill("SIGKILL");
  await server.waitForExit();
  expect((await plugin.request(SQL, ann)).kind).toBe("forwarded");
  await plugin.response(ANSWER, SQL, ann);
  await waitFor("the error", async () => (await count(plugin, "error")) > 0);
});
