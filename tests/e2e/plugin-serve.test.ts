/** A module that runs as a plugin process, `gatewayd plugin serve`: under this gateway, and under a host in Go. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { HOOK_NUMBERS } from "../../src/hooks/index.ts";
import type { HookName, HookPayload } from "../../src/hooks/index.ts";
import { FrontendWriter } from "../../src/postgres/index.ts";
import { answerTo, queryMessage } from "../../src/sdk/testing.ts";
import { rows } from "../../src/sdk/plugin-api.ts";
import { capturedCalls } from "../fixtures/captured-calls.ts";
import { startPlugin } from "../fixtures/plugins/start-plugin.ts";
import { type BuiltPlugin, goHost, testGo } from "../fixtures/plugins/built-plugins.ts";
import { servedPlugin } from "../fixtures/plugins/served-plugin.ts";
import {
  GATEWAYD_BINARY,
  oneBlockConfig,
  type PostgresServer,
  runToEnd,
  startGatewayd,
  startPostgres,
} from "../kit/index.ts";

let postgres: PostgresServer;
let directory: string;
let file: string;
let host: BuiltPlugin | undefined;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-serve-"));
  file = join(directory, "served.ts");
  await writeFile(join(directory, "word.ts"), 'export const word = "served";\n');
  await writeFile(
    file,
    `import { connectionState, definePlugin, log, rows } from "gatewayd/sdk";
     import { word } from "./word";
     const counts = connectionState(() => ({ n: 0 }));
     console.log("not in the way of the handshake");
     export default definePlugin({
       name: "served",
       version: "1.2.3",
       description: "Answers.",
       requires: [],
       setup: ({ config, logger, metrics }) => {
         const seen = metrics.counter({ name: "served_requests_total", help: "Requests." });
         return {
           onTick: () => log("info", "ticked"),
           onTrafficFromClient(event) {
             seen.inc();
             const n = ++counts.of(event).n;
             const { user, database, transactionStatus } = event.session;
             if (event.query === "select 'word'") {
               logger.warn("asked for the word", { n });
               const cells = [word, user ?? null, database ?? null, transactionStatus ?? null];
               event.respond(rows(["word", "user", "database", "status"], [cells]));
             }
             if (event.query === "count") event.respond(rows(["n"], [[String(n)]]));
             if (event.query === "settings") event.respond(rows(["more"], [[String(config["more"])]]));
             if (event.query === "fail") throw new Error("the handler broke");
             if (event.query === "later") return Promise.resolve().then(() => event.rewrite("select 2 as x"));
           },
         };
       },
     });`,
  );
  host = await goHost();
}, 300_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

test("without a gateway it says what it is for", async () => {
  const { code, stderr } = await runToEnd([GATEWAYD_BINARY, "plugin", "serve", file], { env: {} });
  expect(code).toBe(1);
  expect(stderr).toContain("this serves a plugin to a gateway, which starts it");
});

test("under this gateway it does what it does inside it", async () => {
  const plugin = {
    name: "served",
    ...(await servedPlugin(file)),
    env: ['PLUGIN_SETTINGS={"more": "settings"}'],
  };
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address),
    plugins: JSON.stringify({ plugins: [plugin] }),
  });
  const { host, port } = gateway;
  const { user, password, database } = postgres;
  const client = new Client({ host, port, user, password, database });
  await client.connect();
  const word = async () => (await client.query("select 'word'")).rows;
  expect(await word()).toEqual([{ word: "served", user, database, status: "idle" }]);
  await gateway.process.waitForLine("asked for the word");
  await client.query("begin");
  expect(await word()).toMatchObject([{ status: "inTransaction" }]);
  await client.query("rollback");
  expect((await client.query("settings")).rows).toEqual([{ more: "settings" }]);
  expect((await client.query("later")).rows).toEqual([{ x: 2 }]);
  // The handler has failed: the request goes on to the server.
  const failed = await client.query("fail").catch((error: unknown) => error);
  expect(failed).toMatchObject({ code: "42601" });
  await client.end();
  await gateway.stop();
});

test("it tells clients of a Unix socket apart", async () => {
  const plugin = {
    name: "served",
    ...(await servedPlugin(file)),
  };
  const address = join(directory, ".s.PGSQL.5432");
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address, { server: { network: "unix", address } }),
    plugins: JSON.stringify({ plugins: [plugin] }),
  });
  const connected = async (): Promise<Client> => {
    const { user, password, database } = postgres;
    const client = new Client({ host: directory, port: 5432, user, password, database });
    await client.connect();
    return client;
  };
  const count = async (client: Client) => Number((await client.query("count")).rows[0].n);
  const [ann, bob] = [await connected(), await connected()];
  const first = await count(ann);
  expect([await count(ann), await count(bob), await count(ann), await count(bob)]).toEqual([
    first + 1,
    first,
    first + 2,
    first + 1,
  ]);
  expect((await bob.query("select 'word'")).rows).toMatchObject([
    { user: postgres.user, status: "idle" },
  ]);
  await Promise.all([ann.end(), bob.end()]);
  await gateway.stop();
});

test("it is told of each event as the original tells a plugin", async () => {
  const record = join(directory, "record.jsonl");
  const recorder = join(directory, "recorder.ts");
  const calls = await capturedCalls();
  const hooks = [...new Set(calls.map(({ rpc }) => rpc))];
  await writeFile(
    recorder,
    `import { appendFileSync } from "node:fs";
     import { definePlugin } from "gatewayd/sdk";
     const plain = (_: string, value: unknown) =>
       value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
     export default definePlugin({
       name: "recorder",
       version: "1.0.0",
       setup: ({ config }) => Object.fromEntries(${JSON.stringify(hooks)}.map((rpc) => [
         "o" + rpc.slice(1),
         ({ payload }) => {
           const json = Object.fromEntries(Object.entries(payload).map(([key, value]) => [key, plain(key, value)]));
           appendFileSync(String(config["file"]), JSON.stringify({ rpc, json }) + "\\n");
         },
       ])),
     });`,
  );
  await using started = await startPlugin({
    localPath: GATEWAYD_BINARY,
    args: ["plugin", "serve", recorder],
    env: [`PLUGIN_SETTINGS=${JSON.stringify({ file: record })}`],
  });
  expect(started.plugin.description.hooks).toEqual(expect.arrayContaining(hooks));
  expect(hooks).toHaveLength(21);
  for (const { rpc, json } of calls) {
    const payload = withBytes(json);
    // A process gives back all that it was told, with what is to be another in its place.
    expect(await started.plugin.handler(rpc as HookName)(payload, undefined)).toEqual(payload);
  }
  const lines = (await readFile(record, "utf8")).trim().split("\n");
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual([...calls]);
});

/** A captured payload as it travels: what JSON holds in base64 is bytes. */
function withBytes(json: unknown): HookPayload {
  const payload = { ...(json as HookPayload) }; // Every payload is an object.
  for (const key of ["request", "response"]) {
    const value = payload[key];
    if (typeof value === "string") Object.assign(payload, { [key]: Buffer.from(value, "base64") });
  }
  return payload;
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

testGo("under a host in Go it starts, answers, and ends with it", async () => {
  const startup = new FrontendWriter().startupMessage([["user", "ann"]], 0x30000).take();
  const ready = Buffer.from("Z\0\0\0\x05T", "latin1");
  const remote = "127.0.0.1:1";
  const asked = queryMessage("select 'word'");
  const calls = [
    { rpc: "OnTrafficFromClient", remote, request: base64(startup) },
    { rpc: "OnTrafficFromServer", remote, request: "", response: base64(ready) },
    { rpc: "OnTrafficFromClient", remote, request: base64(asked) },
    { rpc: "OnTrafficFromClient", remote, request: base64(queryMessage("later")) },
    { rpc: "OnTrafficFromClient", remote, request: base64(queryMessage("fail")) },
    { rpc: "OnTick", remote, request: "" },
  ];
  const sockets = join(directory, "sockets");
  await rm(sockets, { recursive: true, force: true });
  await mkdir(sockets);
  const { code, stdout, stderr } = await runToEnd(
    [host?.localPath ?? "", GATEWAYD_BINARY, "plugin", "serve", file],
    {
      env: { ...process.env, PLUGIN_UNIX_SOCKET_DIR: sockets },
      stdin: calls.map((call) => `${JSON.stringify(call)}\n`).join(""),
    },
  );
  expect([code, stderr.includes("panic")]).toEqual([0, false]);
  const [described, , , answered, rewritten, failed, ticked] = stdout
    .trim()
    .split("\n")
    .map((line): Record<string, unknown> => JSON.parse(line));
  expect(described).toMatchObject({
    id: { name: "served", version: "1.2.3" },
    description: "Answers.",
    config: { metricsEnabled: "true" },
    hooks: expect.arrayContaining([
      HOOK_NUMBERS.OnTick,
      HOOK_NUMBERS.OnTrafficFromClient,
      HOOK_NUMBERS.OnClosed,
    ]),
  });
  const columns = ["word", "user", "database", "status"];
  const answer = Buffer.from(
    answerTo(asked, rows(columns, [["served", "ann", "ann", "inTransaction"]])),
  );
  answer[answer.length - 1] = "T".charCodeAt(0);
  expect(answered).toMatchObject({
    request: base64(asked),
    response: base64(answer),
    __signals__: [{ name: "terminate", metadata: { terminate: true } }],
  });
  expect(rewritten).toMatchObject({ request: base64(queryMessage("select 2 as x")) });
  expect(failed).toEqual({ error: expect.stringContaining("the handler broke") });
  expect(ticked).toMatchObject({ __signals__: [{ name: "log" }] });
  // Nothing of it is left.
  expect(await readdir(sockets)).toEqual([]);
});
