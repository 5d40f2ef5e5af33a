import { afterAll, beforeAll, expect, test } from "bun:test";
import { FrontendWriter } from "../../src/postgres/index.ts";
import { StartedPlugin, pluginApi } from "../../src/sdk/index.ts";
import type { HookRegistry } from "../../src/hooks/index.ts";
import { connectWire, type PostgresServer, startPostgres, type WireTarget } from "../kit/index.ts";
import { HOOK_MODES, startInMode } from "./hook-modes.ts";

const { definePlugin, errorResponse, rows } = pluginApi;

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

/** What the plugin answers with, and how PostgreSQL comes to the same. */
const SQL =
  "select 'x'::text as a, 7::int4 as b, -9000000000::int8 as c, 3::int2 as d, true as e, 1.5::float8 as f, null::text as g, '{\"h\": 1}'::json as h";
const REPLY = rows(
  [
    "a",
    { name: "b", type: "int4" },
    { name: "c", type: "int8" },
    { name: "d", type: "int2" },
    { name: "e", type: "bool" },
    { name: "f", type: "float8" },
    "g",
    { name: "h", type: "json" },
  ],
  [["x", 7, -9_000_000_000n, 3, true, 1.5, null, '{"h": 1}']],
);

const FLOATS = [
  ...[0, -0, 0.1, 1e-4, 1e-5, 1.5e-7, 123456.789, 1e14, 1e15, 123456789012345680, 1e21, -2.5e-10],
  ...[5e-324, 1.7976931348623157e308, NaN, Infinity, -Infinity],
];
const FLOATS_SQL = `select unnest('{${FLOATS.map((x) => (Object.is(x, -0) ? "-0" : String(x))).join()}}'::float8[]) as x`;

const plugin = definePlugin({
  name: "replies",
  version: "1.0.0",
  setup: () => ({
    onTrafficFromClient(event) {
      if (event.query === SQL) event.respond(REPLY);
      if (event.query === FLOATS_SQL) {
        event.respond(
          rows(
            [{ name: "x", type: "float8" }],
            FLOATS.map((x) => [x]),
          ),
        );
      }
      if (event.query === "fail") {
        event.respond(errorResponse({ sqlState: "22012", message: "division by zero" }));
      }
      if (event.query === "leave") {
        event.respond(errorResponse({ severity: "FATAL", sqlState: "57P01", message: "go" }));
      }
    },
  }),
});

async function register(hooks: HookRegistry): Promise<void> {
  const logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
  const started = await StartedPlugin.start(plugin, { config: undefined, logger });
  for (const hook of started.hooks) {
    const handler = started.handler(hook);
    hooks.register(hook, { name: "replies", priority: 1000, onError: "continue", handler });
  }
}

function batch(sql: string, resultFormats: readonly number[]): Uint8Array {
  return new FrontendWriter()
    .parse({ name: "", text: sql, parameterTypes: [] })
    .describe({ kind: "statement", name: "" })
    .bind({ portal: "", statement: "", parameterFormats: [], values: [], resultFormats })
    .describe({ kind: "portal", name: "" })
    .execute({ portal: "", maxRows: 0 })
    .close({ kind: "portal", name: "" })
    .sync()
    .take();
}

/** The types of the answers to all requests, with their bytes. */
async function answers(
  target: WireTarget,
  requests: readonly Uint8Array[],
): Promise<readonly string[]> {
  await using client = await connectWire(target);
  await client.login({ user: postgres.user, database: postgres.database });
  const all: string[] = [];
  for (const request of requests) {
    client.send(request);
    const messages = await client.messagesUntil("Z");
    all.push(...messages.map(({ type, body }) => `${type} ${body.toString("latin1")}`));
  }
  return all;
}

const query = (sql: string): Uint8Array => new FrontendWriter().query(sql).take();

test.each(HOOK_MODES)(
  "in mode %s rows of a plugin are byte for byte those of PostgreSQL",
  async (mode) => {
    await using inside = await startInMode(mode, postgres.address, { method: "trust" });
    const requests = [
      query(SQL),
      query(FLOATS_SQL),
      batch(FLOATS_SQL, [1]),
      batch(SQL, []),
      batch(SQL, [1]),
      batch(SQL, [0, 1, 1, 0, 1, 1, 0, 0]),
      // Mode statement has no transactions.
      ...(mode === "statement"
        ? []
        : [query("begin"), query(SQL), batch(SQL, [1]), query("rollback")]),
      query("select 1"),
    ];
    const direct = await answers(postgres, requests);
    await register(inside.gateway.hooks);
    expect(await answers(inside.target, requests)).toEqual(direct);
    expect(direct.filter((answer) => answer.startsWith("D")).length).toBeGreaterThan(4);
  },
);

test.each(HOOK_MODES)(
  "in mode %s errors of a plugin leave the session as those of PostgreSQL do",
  async (mode) => {
    await using inside = await startInMode(mode, postgres.address, { method: "trust" });
    await register(inside.gateway.hooks);
    const parts = new FrontendWriter()
      .parse({ name: "", text: "fail", parameterTypes: [] })
      .flush();
    const rest = new FrontendWriter().execute({ portal: "", maxRows: 0 }).sync();
    const flushed = Buffer.concat([parts.take(), rest.take()]);
    const requests = [query("fail"), batch("fail", []), flushed, query("select 1")];
    const types = (await answers(inside.target, requests)).map((answer) => answer[0]);
    expect(types.join("")).toBe("EZEZEZTDCZ");
  },
);

test.each(HOOK_MODES.filter((mode) => mode !== "statement"))(
  "in mode %s a reply to what comes in one piece with BEGIN tells of the transaction",
  async (mode) => {
    await using inside = await startInMode(mode, postgres.address, { method: "trust" });
    await register(inside.gateway.hooks);
    await using client = await connectWire(inside.target);
    await client.login({ user: postgres.user, database: postgres.database });
    client.send(Buffer.concat([query("begin"), query("fail"), batch(SQL, []), query("rollback")]));
    const statuses: string[] = [];
    for (let n = 0; n < 4; n++) {
      statuses.push((await client.messagesUntil("Z")).at(-1)?.body.toString("latin1") ?? "");
    }
    expect(statuses).toEqual(["T", "T", "T", "I"]);
  },
);

test.each(HOOK_MODES)(
  "in mode %s a client that is told of a FATAL error is disconnected",
  async (mode) => {
    await using inside = await startInMode(mode, postgres.address, { method: "trust" });
    await register(inside.gateway.hooks);
    await using client = await connectWire(inside.target);
    await client.login({ user: postgres.user, database: postgres.database });
    client.send(query("leave"));
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "57P01" });
    await client.ended();
  },
);
