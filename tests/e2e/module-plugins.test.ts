/** Plugins that are TypeScript files, with the executable as it is shipped, started from `/`. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Client } from "pg";
import {
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";

const EXAMPLES = join(import.meta.dir, "..", "..", "examples", "plugins");

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-modules-"));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function start(
  plugins: readonly Readonly<Record<string, unknown>>[],
  args: readonly string[] = [],
  keys: Readonly<Record<string, unknown>> = {},
): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, { level: "debug" }),
    plugins: JSON.stringify({ ...keys, plugins }),
    args,
  });
}

async function connected({ host, port }: GatewaydProcess): Promise<Client> {
  const { user, password, database } = postgres;
  const client = new Client({ host, port, user, password, database });
  client.on("error", () => {}); // Told by the query as well.
  await client.connect();
  return client;
}

/** Writes a plugin that answers `select 'word'` by a word of a file beside it. */
async function writeWordPlugin(name: string, word: string): Promise<string> {
  const folder = join(directory, name);
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, "word.ts"),
    `export const word: string = ${JSON.stringify(word)};\n`,
  );
  const path = join(folder, "plugin.ts");
  await writeFile(
    path,
    `import { connectionState, definePlugin, rows, tablesOf } from "gatewayd/sdk";
     import { word } from "./word";
     const counts = connectionState(() => ({ requests: 0 }));
     export default definePlugin({
       name: "word",
       version: "1.0.0",
       setup: ({ config, logger }) => ({
         onTrafficFromClient(event) {
           const { query, session } = event;
           const count = ++counts.of(event).requests;
           if (query === "select 'word'") {
             const { user, transactionStatus } = session;
             event.respond(rows(["word", "user", "status", "more"], [[word, user ?? null, transactionStatus ?? null, String(config["more"])]]));
           }
           if (query === "tables") event.respond(rows(["t"], (tablesOf("select * from a, b") ?? []).map((t) => [t])));
           if (query === "count") event.respond(rows([{ name: "n", type: "int4" }], [[count]]));
           if (query === "loop") for (;;);
         },
       }),
     });`,
  );
  return path;
}

describe.each(["inline", "worker"] as const)("a module that runs %s", (isolation) => {
  test("answers in the database's place, with its settings and the client's session", async () => {
    const localPath = await writeWordPlugin(`answers-${isolation}`, "hello");
    const config = { more: "settings" };
    await using gateway = await start([{ name: "word", localPath, isolation, config }]);
    const client = await connected(gateway);
    const row = { word: "hello", user: postgres.user, status: "idle", more: "settings" };
    expect((await client.query("select 'word'")).rows).toEqual([row]);
    expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
    await client.query("begin");
    expect((await client.query("select 'word'")).rows).toEqual([
      { ...row, status: "inTransaction" },
    ]);
    await client.query("rollback");
    expect((await client.query("tables")).rows).toEqual([{ t: "a" }, { t: "b" }]);
    const other = await connected(gateway);
    const [before] = (await client.query("count")).rows;
    const [fresh] = (await other.query("count")).rows;
    expect(before.n).toBeGreaterThan(fresh.n);
    await other.end();
    await client.end();
    await gateway.stop();
  });

  test("is loaded anew in development when a file of it changes, and stays when that fails", async () => {
    const localPath = await writeWordPlugin(`dev-${isolation}`, "old");
    await using gateway = await start([{ name: "word", localPath, isolation }], ["--dev"]);
    const client = await connected(gateway);
    const word = async (): Promise<string> => (await client.query("select 'word'")).rows[0].word;
    expect(await word()).toBe("old");
    await writeWordPlugin(`dev-${isolation}`, "new");
    await waitFor("the new word", word, { until: (seen) => seen === "new" });
    await writeFile(localPath, "export default {");
    await gateway.process.waitForLine(/Failed to start plugin .*kept=true/);
    expect(await word()).toBe("new");
    await writeWordPlugin(`dev-${isolation}`, "mended");
    await waitFor("the mended word", word, { until: (seen) => seen === "mended" });
    await client.end();
    await gateway.stop();
  });

  test("that did not start starts in development as soon as the file it imports is mended", async () => {
    const name = `mended-${isolation}`;
    const localPath = await writeWordPlugin(name, "mended");
    const beside = join(dirname(localPath), "word.ts");
    const mended = await readFile(beside, "utf8");
    await writeFile(beside, 'throw new Error("broken"); export const word = "";');
    // Long before it is tried again by itself.
    const plugin = { name: "word", localPath, isolation };
    await using gateway = await start([plugin], ["--dev"], { reloadOnCrash: false });
    expect(gateway.process.output()).toMatch(/Failed to start plugin .*broken/);
    await writeFile(beside, mended);
    await gateway.process.waitForLine(/Plugin is ready/);
    const client = await connected(gateway);
    expect((await client.query("select 'word'")).rows[0].word).toBe("mended");
    await client.end();
    await gateway.stop();
  });

  test("lets calls end that take longer than a reload", async () => {
    const path = join(directory, `slow-${isolation}.ts`);
    const source = (word: string) => `import { definePlugin } from "gatewayd/sdk";
      export default definePlugin({
        name: "slow",
        version: "1.0.0",
        setup: ({ after }) => ({
          async onTrafficFromClient(event) {
            if (event.query !== "select 'slow'") return;
            await new Promise((resolve) => after(7_000, resolve));
            event.rewrite("select '${word}' as word");
          },
        }),
      });`;
    await writeFile(path, source("old"));
    const plugin = { name: "slow", localPath: path, isolation, onError: "terminate" };
    await using gateway = await start([plugin], ["--dev"]);
    const client = await connected(gateway);
    const answer = client.query("select 'slow'");
    await writeFile(path, source("new"));
    await waitFor("the new run", () => gateway.process.output().split("Plugin is ready").length, {
      until: (count) => count === 3,
    });
    expect((await answer).rows).toEqual([{ word: "old" }]);
    await client.end();
    await gateway.stop();
  }, 30_000);
});

test("errors that nothing caught are logged as the plugin's own, and the gateway goes on", async () => {
  const localPath = join(directory, "stray.ts");
  await writeFile(
    localPath,
    `import { definePlugin, rows } from "gatewayd/sdk";
     void Promise.reject(new Error("stray at the top"));
     export default definePlugin({
       name: "stray",
       version: "1.0.0",
       async setup({ onStop }) {
         void Promise.reject(new Error("stray at the start"));
         onStop(() => void Promise.reject(new Error("stray at the end")));
         await Bun.sleep(1);
         return {
           onTrafficFromClient({ query }) {
             if (query === "error") void Promise.reject(new Error("stray error"));
             if (query === "text") void Promise.reject("stray text");
             if (query === "timer") setTimeout(() => { throw undefined; }, 1);
             // Nobody listens there.
             if (query === "native") void fetch("http://127.0.0.1:1/");
           },
         };
       },
     });`,
  );
  await using gateway = await start([{ name: "stray", localPath }]);
  const client = await connected(gateway);
  const output = (): string => gateway.process.output();
  const strays = (): number =>
    output().split("An error of the plugin that nothing caught").length - 1;
  expect(strays()).toBe(2);
  for (const [index, word] of ["error", "text", "timer", "native"].entries()) {
    await client.query(word).catch(() => {});
    await waitFor(`the error by ${word}`, () => strays() === 3 + index);
  }
  for (const word of ["at the top", "at the start", "error", "text"]) {
    expect(output()).toContain(`stray ${word}`);
  }
  expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
  await client.end();
  // What fails while the plugin ends does not end the gateway with an error.
  await gateway.stop();
});

test("a worker that loops forever is killed and started again; traffic goes on", async () => {
  const localPath = await writeWordPlugin("loop", "hello");
  const plugin = { name: "word", localPath, isolation: "worker", timeout: "200ms" };
  await using gateway = await start([plugin]);
  const client = await connected(gateway);
  // The handler has failed: the request goes on to the server, which does not understand it.
  await expect(client.query("loop")).rejects.toMatchObject({ code: "42601" });
  await waitFor(
    "the plugin to be back",
    async () => (await client.query("select 'word'")).rows[0].word === "hello",
    { retryErrors: true },
  );
  await client.end();
  await gateway.stop();
});

test("a module moves the listener", async () => {
  const localPath = join(directory, "mover.ts");
  await writeFile(
    localPath,
    `import { definePlugin } from "gatewayd/sdk";
     export default definePlugin({
       name: "mover",
       version: "1.0.0",
       setup: () => ({ onRun: (event) => event.rewrite({ address: "127.0.0.2:0" }) }),
     });`,
  );
  await using gateway = await start([{ name: "mover", localPath }]);
  expect(gateway.host).toBe("127.0.0.2");
  const client = await connected(gateway);
  expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
  await client.end();
  await gateway.stop();
});

test("the examples do what they say", async () => {
  await postgres.query("create table salaries (name text, email text)");
  await postgres.query("insert into salaries values ('Ann', 'ann@example.com')");
  await using gateway = await start([
    { name: "query-logger", localPath: join(EXAMPLES, "query-logger.ts") },
    {
      name: "table-blocker",
      localPath: join(EXAMPLES, "table-blocker.ts"),
      config: { tables: ["secrets"] },
    },
    { name: "mask-responses", localPath: join(EXAMPLES, "mask-responses.ts") },
  ]);
  const client = await connected(gateway);
  await expect(client.query("select * from secrets where id = 7")).rejects.toMatchObject({
    code: "42501",
  });
  expect((await client.query("select * from salaries where name = $1", ["Ann"])).rows).toEqual([
    { name: "Ann", email: "*".repeat("ann@example.com".length) },
  ]);
  await gateway.process.waitForLine("select * from secrets where id = $1");
  await client.end();
  await gateway.stop();
});
