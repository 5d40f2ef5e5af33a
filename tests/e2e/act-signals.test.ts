/** What becomes of the signals of a plugin, by policies of the file, with the executable. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import {
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  startRedis,
  testNeeding,
  waitFor,
} from "../kit/index.ts";

/** Asks for what a query says: nothing, to end it, to log it, to let it pass. */
const PLUGIN = `
import { definePlugin, log, passthrough, terminate } from "gatewayd/sdk";
export default definePlugin({
  name: "asker",
  version: "1.0.0",
  setup: () => ({
    onTrafficFromClient({ query }) {
      if (query === undefined || query.includes("pass")) return passthrough();
      if (query.includes("stop")) return terminate();
      if (query.includes("tell")) {
        return [log("info", "little", { query }), log("error", "much", { query })];
      }
      return undefined;
    },
  }),
});
`;

let postgres: PostgresServer;
let directory: string;
let localPath: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-signals-"));
  localPath = join(directory, "asker.ts");
  await writeFile(localPath, PLUGIN);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function start(isolation: string, keys: object): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, { level: "info" }),
    plugins: JSON.stringify({ plugins: [{ name: "asker", localPath, isolation }], ...keys }),
  });
}

async function connected({ host, port }: GatewaydProcess): Promise<Client> {
  const { user, password, database } = postgres;
  const client = new Client({ host, port, user, password, database });
  await client.connect();
  return client;
}

describe.each(["inline", "worker"])("of a module that runs %s", (isolation) => {
  test("signals count where a policy says so", async () => {
    const policies = [
      {
        name: "terminate",
        policy: "Signal.terminate == true && !Hook.Params.request.string().contains(Policy.word)",
        metadata: { word: "really" },
      },
      { name: "log", policy: 'Signal.level == "error"' },
    ];
    await using gatewayd = await start(isolation, { policies });
    const client = await connected(gatewayd);
    await expect(client.query("select 'stop'")).rejects.toMatchObject({ code: "42000" });
    expect((await client.query("select 'really stop' as x")).rows).toEqual([{ x: "really stop" }]);
    expect((await client.query("select 'tell' as x")).rows).toEqual([{ x: "tell" }]);
    const line = await gatewayd.process.waitForLine("much");
    expect(line).toContain("select 'tell' as x");
    expect(gatewayd.process.lines().filter(({ text }) => text.includes("little"))).toEqual([]);
    await client.end();
    await gatewayd.stop();
  });

  test("silence ends a request where the default policy says so", async () => {
    await using gatewayd = await start(isolation, { defaultPolicy: "terminate" });
    const client = await connected(gatewayd);
    expect((await client.query("select 'pass' as x")).rows).toEqual([{ x: "pass" }]);
    await expect(client.query("select 'silence'")).rejects.toMatchObject({ code: "42000" });
    expect((await client.query("select 'pass' as x")).rows).toEqual([{ x: "pass" }]);
    await client.end();
    await gatewayd.stop();
  });
});

testNeeding("redis-server")(
  "go by way of Redis where the file says so, and the gateway stops as ever",
  async () => {
    await using redis = await startRedis();
    const actionRedis = { enabled: true, address: redis.address };
    await using gatewayd = await start("inline", { actionRedis });
    await gatewayd.process.waitForLine("Asynchronous actions are read from Redis");
    const client = await connected(gatewayd);
    await client.query("select 'tell'");
    await gatewayd.process.waitForLine("much");
    await redis.stop();
    const away = () =>
      gatewayd.process.lines().filter(({ text }) => text.includes("Redis cannot be reached"));
    await waitFor("the gateway knows", () => away().length === 2);
    expect((await client.query("select 'tell' as x")).rows).toEqual([{ x: "tell" }]);
    await client.end();
    await gatewayd.stop();
    expect(gatewayd.process.output(50)).toContain("Asynchronous actions were lost");
  },
);
