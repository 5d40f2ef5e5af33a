import { expect } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { errorResponse, rows } from "gatewayd/sdk";
import type { OpenPlugin } from "gatewayd/sdk/testing";
import { answerTo, openPlugin, openSession } from "gatewayd/sdk/testing";
import { freePort, startProcess, testNeeding, waitFor } from "../../tests/kit/index.ts";
import redisCache from "./redis-cache.ts";

const testWithRedis = testNeeding("redis-server");

const SQL = "select name from countries";
const ANSWER = answerTo(SQL, rows(["name"], [["Norway"]]));
const ann = openSession({ user: "ann", database: "shop", transactionStatus: "idle" });
const bob = openSession({ user: "bob", database: "shop", transactionStatus: "idle" });

/** A Redis of this test's own, and the plugin connected to it. */
async function openCache() {
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-redis-"));
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", directory];
  const server = await startProcess(["redis-server", ...args]);
  await server.waitForLine("Ready to accept connections");
  const url = `redis://127.0.0.1:${port}`;
  const plugin = await openPlugin(redisCache, { url, tables: ["countries"] });
  await waitFor("the connection", async () => {
    await plugin.request(SQL, ann);
    return (await count(plugin, "miss")) > 0;
  });
  return {
    plugin,
    server,
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
  const { plugin } = cache;
  expect((await plugin.request(SQL, ann)).kind).toBe("forwarded");
  await plugin.response(ANSWER, SQL, ann);
  const outcome = await waitFor("the answer", () => plugin.request(SQL, ann), {
    until: ({ kind }) => kind === "answered",
  });
  expect(outcome.kind === "answered" && Buffer.from(outcome.bytes)).toEqual(Buffer.from(ANSWER));
  expect((await plugin.request(SQL, bob)).kind).toBe("forwarded");
  expect(await count(plugin, "hit")).toBe(1);
});

testWithRedis("errors, other tables, transactions and changes are not cached", async () => {
  await using cache = await openCache();
  const { plugin } = cache;
  const misses = await count(plugin, "miss");
  await plugin.response(answerTo(SQL, errorResponse({ message: "no" })), SQL, ann);
  const others = ["select * from orders", "delete from countries", "select 1", "not sql"];
  for (const sql of others) await plugin.response(answerTo(sql, rows(["a"], [])), sql, ann);
  for (const sql of [SQL, ...others]) {
    expect((await plugin.request(sql, ann)).kind).toBe("forwarded");
  }
  const busy = openSession({ user: "ann", database: "shop", transactionStatus: "inTransaction" });
  await plugin.request(SQL, busy);
  expect(await count(plugin, "miss")).toBe(misses + 1);
});

testWithRedis("without Redis everything goes on", async () => {
  await using cache = await openCache();
  const { plugin, server } = cache;
  await plugin.request(SQL, ann);
  server.kill("SIGKILL");
  await server.waitForExit();
  expect((await plugin.request(SQL, ann)).kind).toBe("forwarded");
  await plugin.response(ANSWER, SQL, ann);
  await waitFor("the error", async () => (await count(plugin, "error")) > 0);
});
