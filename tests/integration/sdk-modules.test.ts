/** What the SDK promises, held by modules in a gateway: of what they know, count, are given time for, and can say. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { oneBlockConfig, type PostgresServer, startPostgres, waitFor } from "../kit/index.ts";
import { type GatewayInProcess, makeGateway } from "./start-gateway.ts";

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-sdk-"));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

interface Setting {
  readonly isolation: string;
  /** More of the plugin's entry. */
  readonly entry?: Readonly<Record<string, unknown>>;
  readonly client?: Readonly<Record<string, unknown>>;
  readonly pool?: Readonly<Record<string, unknown>>;
  readonly server?: Readonly<Record<string, unknown>>;
}

let fileNumber = 0;

/** A gateway with a plugin whose `setup` is this code. */
async function start(setup: string, setting: Setting): Promise<GatewayInProcess> {
  const { isolation, entry, ...parts } = setting;
  const localPath = join(directory, `plugin-${fileNumber++}.ts`);
  await writeFile(
    localPath,
    `import * as sdk from "gatewayd/sdk";
     const { definePlugin, rows, errorResponse } = sdk;
     export default definePlugin({
       name: "my-plugin",
       version: "1.0.0",
       setup({ metrics, after }) { ${setup} },
     });`,
  );
  const inside = await makeGateway(
    oneBlockConfig(postgres.address, parts),
    JSON.stringify({
      metricsMergerPeriod: "100ms",
      plugins: [{ name: "my-plugin", localPath, isolation, ...entry }],
    }),
  );
  await inside.gateway.boot();
  return inside;
}

async function connect(
  { target }: GatewayInProcess,
  more: Readonly<Record<string, string>> = {},
): Promise<Client> {
  const { user, password, database } = postgres;
  const client = new Client({ ...target, user, password, database, ...more });
  client.on("error", () => {}); // Told by the query as well.
  await client.connect();
  return client;
}

describe.each(["inline", "worker"] as const)("a module that runs %s", (isolation) => {
  test("knows the session: its user, database, application name and transaction status", async () => {
    await using inside = await start(
      `return { onTrafficFromClient(event) {
         if (event.query !== "session") return;
         const { user, database, applicationName, transactionStatus } = event.session;
         event.respond(rows(["u", "d", "a", "t"], [[user, database, applicationName, transactionStatus]]));
       } };`,
      { isolation },
    );
    const client = await connect(inside, { application_name: "before" });
    const session = async () => (await client.query("session")).rows[0];
    const { user: u, database: d } = postgres;
    expect(await session()).toEqual({ u, d, a: "before", t: "idle" });
    await client.query("begin");
    await client.query("set application_name = 'after'");
    expect(await session()).toEqual({ u, d, a: "after", t: "inTransaction" });
    await client.query("nonsense").catch(() => {});
    expect(await session()).toMatchObject({ t: "failed" });
    await client.end();
  });

  test("reads SQL by all helpers", async () => {
    await using inside = await start(
      `return { onTrafficFromClient(event) {
         if (!event.query?.startsWith("insert into a")) return;
         const { parseSql, tablesOf, normalize, fingerprint } = sdk;
         const sql = event.query;
         event.respond(rows(["kind", "tables", "normal", "print"], [[
           Object.keys(parseSql(sql).stmts[0].stmt)[0], String(tablesOf(sql)), normalize(sql),
           fingerprint(sql) === fingerprint("insert into a select * from b where c = 2") ? "same" : "other",
         ]]));
       } };`,
      { isolation },
    );
    const client = await connect(inside);
    const { rows } = await client.query("insert into a select * from b where c = 1");
    expect(rows).toEqual([
      {
        kind: "InsertStmt",
        tables: "a,b",
        normal: "insert into a select * from b where c = $1",
        print: "same",
      },
    ]);
    await client.end();
  });

  test("counts on the page of the plugins' metrics, under its name", async () => {
    await using inside = await start(
      `const seen = metrics.counter({ name: "seen_total", help: "Seen.", labels: ["kind"] });
       const took = metrics.histogram({ name: "took_seconds", help: "Took.", buckets: [1, 2] });
       return { onTrafficFromClient(event) {
         if (event.query === undefined) return;
         seen.inc({ kind: "query" });
         took.observe(1.5);
       } };`,
      { isolation },
    );
    const client = await connect(inside);
    await client.query("select 1");
    await client.query("select 2");
    const page = await waitFor("the metrics", () => inside.gateway.metricsText(), {
      until: (text) => /seen_total\{.*\} 2\n/.test(text),
    });
    for (const line of [
      "# TYPE seen_total counter",
      'seen_total{kind="query",plugin="my_plugin"} 2',
      "# TYPE took_seconds histogram",
      'took_seconds_bucket{le="1",plugin="my_plugin"} 0',
      'took_seconds_bucket{le="2",plugin="my_plugin"} 2',
      'took_seconds_sum{plugin="my_plugin"} 3',
      'took_seconds_count{plugin="my_plugin"} 2',
    ]) {
      expect(page.split("\n")).toContain(line);
    }
    await client.end();
  });

  test.each([
    ["continue", [{ one: 1 }]],
    ["terminate", "42000"],
  ] as const)(
    "has the time of its entry for a handler that waits, then %s is what happens",
    async (onError, outcome) => {
      await using inside = await start(
        `return { onTrafficFromClient(event) {
           if (event.query === "select 1 as one") return new Promise(() => {});
         } };`,
        { isolation, entry: { timeout: "1s", onError } },
      );
      const client = await connect(inside);
      const answer = await client.query("select 1 as one").then(
        ({ rows }) => rows as unknown,
        (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
      );
      expect(answer).toEqual(outcome);
      expect((await client.query("select 2 as two")).rows).toEqual([{ two: 2 }]);
      await client.end();
    },
  );

  test.each(["passthrough", "transaction"])(
    "logs clients in by the messages of the SDK, in mode %s",
    async (mode) => {
      await using inside = await start(
        `const salt = new Uint8Array([1, 2, 3, 4]);
         const hash = (...parts) => {
           const hasher = new Bun.CryptoHasher("md5");
           for (const part of parts) hasher.update(part);
           return hasher.digest("hex");
         };
         return { onTrafficFromClient(event) {
           const [message] = event.session.transactionStatus === undefined ? event.messages : [];
           if (message?.type === "StartupMessage") {
             const isHashed = message.fields.parameters.get("application_name") === "hashed";
             event.respond(isHashed ? sdk.authenticationMd5Password(salt) : sdk.authenticationCleartextPassword());
           } else if (message?.type === "Password") {
             const said = Buffer.from(message.fields.data).toString().replace("\\0", "");
             const right = ["sesame", "md5" + hash(hash("sesame", "alice"), salt)];
             event.respond(right.includes(said)
               ? sdk.authenticationOk({ serverVersion: "17.4", processId: 7, secretKey: new Uint8Array(4) })
               : errorResponse({ severity: "FATAL", sqlState: "28P01", message: "not you" }));
           }
         } };`,
        {
          isolation,
          client: { startupParams: { user: postgres.user, database: postgres.database } },
          pool: { mode },
          server: mode === "passthrough" ? {} : { auth: { method: "plugin" } },
        },
      );
      for (const application_name of ["open", "hashed"]) {
        const login = { user: "alice", application_name };
        const client = await connect(inside, { ...login, password: "sesame" });
        const sql = "select current_user::text as name";
        expect((await client.query(sql)).rows).toEqual([{ name: postgres.user }]);
        await client.end();
        const wrong = connect(inside, { ...login, password: "barley" });
        await expect(wrong).rejects.toMatchObject({ code: "28P01", message: "not you" });
      }
    },
  );
});
