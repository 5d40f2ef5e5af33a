/** Spans of clients and of what they ask for, from the executable into a real receiver. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { OtlpCollector, type ReceivedSpan } from "../fixtures/otlp/otlp-collector.ts";
import { goRecorder, sha256Of, testGo } from "../fixtures/plugins/built-plugins.ts";
import {
  freePort,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = `00-${TRACE}-${SPAN}-01`;

let postgres: PostgresServer;
let directory: string;
let usersFile: string;
let collector: OtlpCollector;

beforeAll(async () => {
  postgres = await startPostgres({ auth: "scram-sha-256" });
  directory = await mkdtemp(join(tmpdir(), "gatewayd-traced-"));
  usersFile = join(directory, "userlist.txt");
  await writeFile(usersFile, `"postgres" "${postgres.password}"\n`);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

beforeEach(async () => {
  collector = await OtlpCollector.start();
});

afterEach(async () => {
  await collector[Symbol.asyncDispose]();
});

interface TracedOptions {
  readonly mode?: "passthrough" | "transaction";
  readonly pool?: object;
  readonly ratio?: number;
  readonly plugins?: readonly object[];
  readonly url?: string;
  readonly slowQueryThreshold?: string;
}

async function start(options: TracedOptions = {}): Promise<GatewaydProcess> {
  const {
    mode = "transaction",
    pool,
    ratio = 1,
    plugins = [],
    url,
    slowQueryThreshold = "0s",
  } = options;
  const auth = { method: "scram-sha-256", usersFile };
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode, size: 2, ...pool },
      server: mode === "passthrough" ? {} : { auth },
      logger: { slowQueryThreshold },
      parts: { tracing: { ratio } },
    }),
    plugins: JSON.stringify({ plugins }),
    args: ["--tracing", "--collector-url", url ?? collector.address],
    env: { OTEL_BSP_SCHEDULE_DELAY: "20", PATH: process.env["PATH"] ?? "", HOME: directory },
  });
}

async function connected(
  { host, port }: GatewaydProcess,
  options: { readonly options?: string; readonly password?: string } = {},
): Promise<Client> {
  const { user, password, database } = postgres;
  const client = new Client({ host, port, user, password, database, ...options });
  client.on("error", () => {}); // Told by the query as well.
  await client.connect();
  return client;
}

const unit = (text: string): Promise<ReceivedSpan> =>
  collector.span(`the unit ${text}`, ({ attributes }) =>
    String(attributes["db.query.text"]).includes(text),
  );

const connection = (): Promise<ReceivedSpan> =>
  collector.span("the connection", ({ name }) => name === "connection");

describe.each(["passthrough", "transaction"] as const)("in mode %s", (mode) => {
  test("a query is a trace of its own, told by the conventions and without its literals", async () => {
    await using gateway = await start({ mode });
    const client = await connected(gateway);
    await client.query("SELECT n, 'secret' AS word FROM generate_series(1, 3) AS n");
    const span = await unit("generate_series");
    expect(span).toMatchObject({
      name: "SELECT",
      kind: "CLIENT",
      parentSpanId: "",
      status: { code: "UNSET" },
      attributes: {
        "db.system.name": "postgresql",
        "db.namespace": "postgres",
        "db.operation.name": "SELECT",
        "db.query.text": "SELECT n, $1 AS word FROM generate_series($2, $3) AS n",
        "db.response.returned_rows": 3,
        "user.name": "postgres",
        "client.address": "127.0.0.1",
        "server.address": "127.0.0.1",
        "server.port": postgres.port,
        "gatewayd.group": "default",
        "gatewayd.block": "writes",
        "gatewayd.unit.kind": "query",
      },
    });
    expect(span.endNs).toBeGreaterThan(span.startNs);
    await client.end();
    const parent = await connection();
    expect(span.links).toEqual([{ traceId: parent.traceId, spanId: parent.spanId }]);
    expect(span.traceId).not.toBe(parent.traceId);
    const login = await collector.span("the login", ({ name }) => name === "login");
    expect(login.parentSpanId).toBe(parent.spanId);
    expect(parent).toMatchObject({
      kind: "SERVER",
      attributes: { "db.namespace": "postgres", "gatewayd.block": "writes" },
    });
    await gateway.stop();
    expect(JSON.stringify(collector.spans.map(({ attributes }) => attributes))).not.toContain(
      "secret",
    );
  });

  test("an error has its SQLSTATE, and what changes rows says how many", async () => {
    await using gateway = await start({ mode });
    const client = await connected(gateway);
    await client.query("CREATE TEMP TABLE traced (n int)");
    await client.query("INSERT INTO traced VALUES (1), (2)");
    const insert = await unit("INSERT INTO traced");
    expect(insert.attributes).toMatchObject({
      "db.operation.name": "INSERT",
      "gatewayd.affected_rows": 2,
    });
    await client.query("SELECT 1 / n FROM (VALUES (0)) AS zero(n)").catch(() => {});
    const failed = await unit("zero(n)");
    expect(failed).toMatchObject({
      name: "SELECT",
      status: { code: "ERROR", message: "22012" },
      attributes: { "db.response.status_code": "22012", "error.type": "22012" },
    });
    await client.end();
    await gateway.stop();
  });

  test("the trace that a comment names is the query's, prepared or not", async () => {
    await using gateway = await start({ mode });
    const client = await connected(gateway);
    await client.query(`SELECT 1 AS simple /*traceparent='${PARENT}',tracestate='congo%3Dt61'*/`);
    await client.query(`SELECT $1::int AS extended /*traceparent='${PARENT}'*/`, [1]);
    for (const text of ["simple", "extended"]) {
      expect(await unit(text)).toMatchObject({ traceId: TRACE, parentSpanId: SPAN });
    }
    expect((await unit("simple")).traceState).toBe("congo=t61");
    await client.query(
      `SELECT 1 AS unsampled /*traceparent='${PARENT.replace(/01$/, "00")}'*/; SELECT 2`,
    );
    await client.query("SELECT 1 AS last");
    await unit("last");
    expect(
      collector.spans.filter((span) => JSON.stringify(span.attributes).includes("unsampled")),
    ).toEqual([]);
    await client.end();
    await gateway.stop();
  });

  test("the trace that the startup names is the connection's and its queries'", async () => {
    await using gateway = await start({ mode, ratio: 0 });
    const client = await connected(gateway, {
      options: `-c traceparent=${PARENT} -c tracestate=a=b -c geqo=off`,
    });
    const { rows } = await client.query("SHOW geqo");
    expect(rows).toEqual([{ geqo: "off" }]);
    await client.end();
    const parent = await connection();
    expect(parent).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, traceState: "a=b" });
    expect(await unit("SHOW geqo")).toMatchObject({ traceId: TRACE, parentSpanId: parent.spanId });
    await gateway.stop();
  });
});

test("waiting for a backend is a part of what waits", async () => {
  await using gateway = await start({ pool: { size: 1 } });
  const holder = await connected(gateway);
  const waiter = await connected(gateway);
  await holder.query("BEGIN");
  const waiting = waiter.query("SELECT 'waited' AS waited");
  // It asks for a backend before the COMMIT is read: both are the gateway's to order.
  await holder.query("SELECT pg_sleep(0.05)");
  await holder.query("COMMIT");
  await waiting;
  const waited = await unit("AS waited");
  const wait = await collector.span("the wait", ({ name }) => name === "wait for a backend");
  expect(wait).toMatchObject({ traceId: waited.traceId, parentSpanId: waited.spanId });
  expect(wait.startNs).toBeLessThan(wait.endNs);
  await holder.end();
  await waiter.end();
  await gateway.stop();
});

test("the log names the trace of a slow query", async () => {
  await using gateway = await start({ slowQueryThreshold: "1ms" });
  const client = await connected(gateway);
  await client.query(`SELECT pg_sleep(0.02) AS slow /*traceparent='${PARENT}'*/`);
  const line = await gateway.process.waitForLine("Slow query");
  expect(line).toContain(`traceId=${TRACE}`);
  expect(await unit("AS slow")).toMatchObject({ traceId: TRACE });
  await client.end();
  await gateway.stop();
});

test("a login that fails is told by its connection", async () => {
  await using gateway = await start();
  await expect(connected(gateway, { password: "wrong" })).rejects.toThrow("password");
  expect((await connection()).status.code).toBe("ERROR");
  await gateway.stop();
});

test("a ratio of 0 records no query that its client does not want recorded", async () => {
  await using gateway = await start({ ratio: 0 });
  const client = await connected(gateway);
  await client.query("SELECT 1 AS unseen");
  await client.query(`SELECT 1 AS seen /*traceparent='${PARENT}'*/`);
  await unit("AS seen");
  await client.end();
  await gateway.stop();
  expect(collector.named("connection")).toEqual([]);
  expect(collector.named("SELECT")).toHaveLength(1);
});

test("a collector that comes back gets what happens from then on", async () => {
  const port = await freePort();
  await using gateway = await start({ url: `127.0.0.1:${port}` });
  await gateway.process.waitForLine("Traces do not reach the collector");
  const client = await connected(gateway);
  await using late = await OtlpCollector.start({ port });
  await waitFor(
    "a span after the outage",
    async () => {
      await client.query("SELECT 1 AS back");
      return late.named("SELECT").length > 0;
    },
    { deadlineMs: 60_000 },
  );
  await gateway.process.waitForLine("Traces reach the collector again");
  await client.end();
  await gateway.stop();
}, 90_000);

describe("a plugin is told of the trace", () => {
  /** The span of the plugin's call within that of the unit, and what the plugin was told. */
  async function expectWithin(hook: string, told: string | undefined): Promise<void> {
    const [, traceId, spanId] = String(told).split("-");
    const call = await collector.span(hook, ({ spanId: id }) => id === spanId);
    expect(call).toMatchObject({ name: hook, traceId });
    const parent = await unit("AS shown");
    expect(call).toMatchObject({ traceId: TRACE, parentSpanId: parent.spanId });
    expect(parent).toMatchObject({ traceId: TRACE, parentSpanId: SPAN });
  }

  testGo(
    "as metadata of gRPC, when it is a process",
    async () => {
      const record = join(directory, "record.jsonl");
      const entry = {
        name: "recorder",
        ...(await goRecorder()),
        env: [`RECORD=${record}`, "HOOKS=16,18"],
      };
      await using gateway = await start({ plugins: [entry] });
      const client = await connected(gateway);
      await client.query(`SELECT 1 AS shown /*traceparent='${PARENT}',tracestate='a%3Db'*/`);
      interface Call {
        readonly rpc: string;
        readonly struct: string;
        readonly trace?: readonly string[];
      }
      const text = await readFile(record, "utf8");
      const calls = text
        .trim()
        .split("\n")
        .map((line): Call => JSON.parse(line))
        .filter(({ struct }) => Buffer.from(struct, "base64").includes("AS shown"));
      expect(calls.map(({ rpc }) => rpc)).toEqual(["OnTrafficFromClient", "OnTrafficFromServer"]);
      for (const { rpc, trace = [] } of calls) {
        expect(trace[1]).toBe("a=b");
        await expectWithin(rpc, trace[0]);
      }
      await client.end();
      await gateway.stop();
    },
    300_000,
  );

  test.each(["inline", "worker"])(
    "by its event, when it is a module that runs %s",
    async (isolation) => {
      const path = join(directory, `${isolation}.ts`);
      const written = join(directory, `${isolation}.txt`);
      await writeFile(
        path,
        `import { appendFileSync } from "node:fs";
       import { definePlugin } from "gatewayd/sdk";
       const tell = (event) => appendFileSync(${JSON.stringify(written)},
         event.hook + " " + (event.query ?? "") + " " + event.traceparent + " " + event.tracestate + "\\n");
       export default definePlugin({
         name: "teller", version: "1.0.0",
         setup: () => ({ onTrafficFromClient: tell, onTrafficFromServer: tell, onClosed: tell }),
       });`,
      );
      const entry = { name: "teller", localPath: path, checksum: await sha256Of(path), isolation };
      await using gateway = await start({ mode: "passthrough", plugins: [entry] });
      const client = await connected(gateway);
      await client.query(`SELECT 1 AS shown /*traceparent='${PARENT}',tracestate='a%3Db'*/`);
      await client.end();
      const lines = await waitFor("all lines", async () => {
        const text = await readFile(written, "utf8");
        return text.includes("OnClosed") ? text.split("\n") : undefined;
      });
      const shown = lines?.filter((line) => line.includes("AS shown")) ?? [];
      expect(shown).toHaveLength(2);
      for (const line of shown) {
        const [, told, state] = /(00-\S+) (\S+)$/.exec(line) ?? [];
        expect(state).toBe("a=b");
        await expectWithin(line.split(" ")[0] ?? "", told);
      }
      const closed = lines?.find((line) => line.startsWith("OnClosed"));
      expect(closed).toContain((await connection()).traceId);
      // What came before it was known where it belongs is a part of the connection, too.
      const startup = collector.spans.find(
        (span) => span.name === "OnTrafficFromClient" && span.traceId !== TRACE,
      );
      expect(startup?.parentSpanId).toBe((await connection()).spanId);
      await gateway.stop();
    },
  );
});
