/** What administrators look at while the gateway works: each command by REST, by gRPC and as typed. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import * as z from "zod";
import { AdminService } from "../../src/admin/gen/gatewayd/admin/v1/admin_pb.ts";
import { StatementOrder } from "../../src/admin/gen/gatewayd/admin/v1/traffic_pb.ts";
import { frontend } from "../fixtures/wire/index.ts";
import {
  type GatewaydProcess,
  type WireClient,
  connectWire,
  type OneBlockOptions,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { adminConfig, type Doors, freeAddress, OPEN_POOL, rest, typed } from "./admin-doors.ts";

const RULES = {
  policies: [{ name: "log", policy: "Signal.log == true && Sync", metadata: {} }],
  rules: [
    { name: "no dropping", condition: "query.contains('drop table')", terminate: {} },
    { name: "try", condition: "query.contains('truncate')", dryRun: true, terminate: {} },
    { name: "unused", enabled: false, log: { message: "never" } },
  ],
};

/** A gateway, and the three ways to ask it. */
class Asked implements AsyncDisposable {
  readonly gatewayd: GatewaydProcess;
  readonly grpc;
  readonly #doors: Doors;

  constructor(gatewayd: GatewaydProcess, doors: Doors) {
    this.gatewayd = gatewayd;
    this.#doors = doors;
    const transport = createGrpcTransport({ baseUrl: `http://${doors.grpc}` });
    this.grpc = createClient(AdminService, transport);
  }

  static async start(
    postgres: PostgresServer,
    options: OneBlockOptions,
    plugins = {},
  ): Promise<Asked> {
    const doors = { rest: await freeAddress(), grpc: await freeAddress() };
    const api = { httpAddress: doors.rest, grpcAddress: doors.grpc };
    const gatewayd = await startGatewayd({
      config: adminConfig(postgres.address, { ...options, api }),
      plugins: JSON.stringify(plugins),
    });
    return new Asked(gatewayd, doors);
  }

  async get(path: string): Promise<unknown> {
    return (await rest(this.#doors, `/api/v1/${path}`)).body;
  }

  async post(path: string): Promise<number> {
    return (await rest(this.#doors, `/api/v1/${path}`, { method: "POST" })).status;
  }

  /** What the command line says. */
  async type(words: string): Promise<string> {
    const { code, stdout, stderr } = await typed(this.gatewayd, words);
    return code === 0 ? stdout : stderr;
  }

  async client(user = "postgres"): Promise<WireClient> {
    const client = await connectWire(this.gatewayd);
    await client.login({ user, database: "postgres" });
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gatewayd.stop();
    await this.gatewayd[Symbol.asyncDispose]();
  }
}

const backendsSchema = z.object({
  backends: z.array(
    z.looseObject({ state: z.string(), processId: z.number(), sessionIds: z.array(z.string()) }),
  ),
});

const sessionsSchema = z.object({
  sessions: z.array(z.object({ id: z.string(), clientAddress: z.string() })),
});

const historySchema = z.object({
  stepMs: z.number(),
  nowMs: z.number(),
  blocks: z.array(
    z.object({
      block: z.string(),
      points: z.array(
        z.looseObject({ atMs: z.number(), unitsPerSecond: z.number(), latencyP95Ms: z.number() }),
      ),
    }),
  ),
});

async function idOf(asked: Asked, client: WireClient): Promise<string> {
  const { sessions } = sessionsSchema.parse(await asked.get("sessions"));
  const own = sessions.find(({ clientAddress }) => clientAddress === client.localAddress);
  return own?.id ?? "none";
}

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

describe("connections of a pool", () => {
  let asked: Asked;

  beforeAll(async () => {
    asked = await Asked.start(postgres, OPEN_POOL);
  });

  afterAll(async () => {
    await asked[Symbol.asyncDispose]();
  });

  const backends = async () => backendsSchema.parse(await asked.get("backends")).backends;

  test("are listed with what they are at, and who has them", async () => {
    await using client = await asked.client();
    const pid = Number(await client.value("select pg_backend_pid()"));
    const id = await idOf(asked, client);
    await waitFor("the connection to be given back", async () => {
      return (await backends()).every(({ state }) => state === "BACKEND_STATE_IDLE");
    });
    expect(await backends()).toEqual([
      {
        group: "default",
        block: "writes",
        serverAddress: postgres.address,
        localAddress: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
        processId: pid,
        user: "postgres",
        database: "postgres",
        state: "BACKEND_STATE_IDLE",
        transactionStatus: "TRANSACTION_STATUS_UNSPECIFIED",
        pinReason: "",
        sessionIds: [],
        ageMs: expect.any(Number),
        idleMs: expect.any(Number),
        // To find out what clients are greeted with, and for the question.
        uses: 2,
        isEncrypted: false,
        isCondemned: false,
      },
    ]);
    await client.value("begin");
    const held = { processId: pid, sessionIds: [id], idleMs: 0, uses: 3 };
    expect(await backends()).toMatchObject([
      { ...held, state: "BACKEND_STATE_IN_TRANSACTION", pinReason: "" },
    ]);
    client.query("select pg_sleep(60)");
    await waitFor("it to be active", async () => {
      return (await backends())[0]?.state === "BACKEND_STATE_ACTIVE";
    });
    expect(await asked.post(`sessions/${id}/cancel`)).toBe(200);
    await client.messagesUntil("Z");
    expect(await backends()).toMatchObject([
      { ...held, transactionStatus: "TRANSACTION_STATUS_FAILED" },
    ]);
    await client.value("rollback");
    await client.value("listen news");
    expect(await backends()).toMatchObject([
      { sessionIds: [id], state: "BACKEND_STATE_KEPT", pinReason: "LISTEN" },
    ]);
    expect(await asked.type("backends")).toMatch(
      new RegExp(
        `default +writes +\\S+ +${pid} +postgres +postgres +no +kept \\(LISTEN\\).* ${id}\n`,
      ),
    );
    const { backends: byGrpc, total } = await asked.grpc.listBackends({ block: "writes" });
    expect(byGrpc).toMatchObject([{ processId: pid, pinReason: "LISTEN", sessionIds: [id] }]);
    expect(total).toBe(1);
    expect(await asked.get("backends?block=reads")).toMatchObject({
      message: 'there is no block "reads", but: writes',
    });
  });

  test("make clients wait, who are listed in their order", async () => {
    const holders = [await asked.client(), await asked.client()];
    const waiting = [await asked.client(), await asked.client()];
    for (const client of holders) await client.value("begin");
    for (const [index, client] of waiting.entries()) {
      client.query("select 1");
      await waitFor("it to wait", async () => {
        return (await asked.grpc.listWaiters({})).total === index + 1;
      });
    }
    const ids = await Promise.all(waiting.map((client) => idOf(asked, client)));
    const about = { group: "default", block: "writes", user: "postgres", database: "postgres" };
    expect(await asked.get("waiters")).toEqual({
      waiters: waiting.map(({ localAddress }, index) => ({
        ...about,
        sessionId: ids[index],
        clientAddress: localAddress,
        waitedMs: expect.any(Number),
        place: index + 1,
      })),
      total: 2,
    });
    const [first, second] = (await asked.grpc.listWaiters({})).waiters;
    expect(first?.waitedMs).toBeGreaterThan(second?.waitedMs ?? Infinity);
    expect(await asked.get("waiters?limit=1")).toMatchObject({
      waiters: [{ sessionId: ids[0] }],
      total: 2,
    });
    const typed = await asked.type("waiters --limit 1");
    expect(typed).toMatch(new RegExp(`\n${ids[0]} +default +writes +postgres.* 1\nand 1 more`));
    for (const client of holders) await client.value("commit");
    for (const client of waiting) await client.messagesUntil("Z");
    expect(await asked.get("waiters")).toEqual({ waiters: [], total: 0 });
    for (const client of [...holders, ...waiting]) await client[Symbol.asyncDispose]();
  });

  test("are listed by server, with whether that is reached", async () => {
    expect(await asked.get("servers")).toEqual({
      servers: [
        {
          group: "default",
          network: "tcp",
          configuredAddresses: ["127.0.0.1:0"],
          addresses: [...asked.gatewayd.addresses],
          isListening: true,
          protocol: "postgres",
          clients: 0,
          maxConnections: 10_000,
          tlsMode: "disable",
          strategy: "ROUND_ROBIN",
          blocks: [
            { block: "writes", address: postgres.address, mode: "transaction", isLive: true },
          ],
        },
      ],
    });
    expect((await asked.grpc.listServers({})).servers).toHaveLength(1);
    expect(await asked.type("servers")).toContain(`writes at ${postgres.address}\n`);
  });
});

test("a client of its own connection is listed with that", async () => {
  await using asked = await Asked.start(postgres, { pool: { size: 2 } });
  await using client = await asked.client();
  const pid = Number(await client.value("select pg_backend_pid()"));
  const id = await idOf(asked, client);
  await waitFor("the other one to be there", async () => {
    return (await asked.grpc.listBackends({})).total === 2;
  });
  const { backends } = backendsSchema.parse(await asked.get("backends"));
  const [idle, kept] = backends.toSorted((one, other) => one.processId - other.processId);
  expect(idle).toMatchObject({ state: "BACKEND_STATE_IDLE", user: "", sessionIds: [] });
  expect(kept).toMatchObject({
    ...{ state: "BACKEND_STATE_KEPT", pinReason: "mode passthrough", processId: pid },
    ...{ user: "postgres", database: "postgres", sessionIds: [id], uses: 1 },
  });
});

describe("what clients ask for", () => {
  let asked: Asked;

  beforeAll(async () => {
    asked = await Asked.start(postgres, OPEN_POOL, RULES);
  });

  afterAll(async () => {
    await asked[Symbol.asyncDispose]();
  });

  test("is counted by statement, without the values", async () => {
    await using client = await asked.client();
    await client.value("create table hidden (a int, b text)");
    for (const value of ["'secret-1'", "'secret-2'"]) {
      await client.value(`insert into hidden values (1, ${value}), (2, ${value})`);
    }
    await client.value("select a from hidden where b = 'secret-1' and pg_sleep(0.05) is not null");
    await client.value("select nothing from hidden where b = 'secret-1'");
    const text = "select b from hidden where a = $1";
    client.send(Buffer.concat([frontend.parse(text, "s1"), frontend.sync()]));
    await client.messagesUntil("Z");
    for (const value of ["1", "2", "3"]) {
      client.send(
        Buffer.concat([frontend.bind("", "s1", [value]), frontend.execute(), frontend.sync()]),
      );
      await client.messagesUntil("Z");
    }
    const answer = await asked.get("statements");
    expect(JSON.stringify(answer)).not.toContain("secret");
    const { statements } = await asked.grpc.listStatements({});
    const found = (part: string) => statements.filter(({ statement }) => statement.includes(part));
    expect(found("insert into hidden")).toMatchObject([
      { user: "postgres", database: "postgres", block: "writes", calls: 2, rows: 4, errors: 0 },
    ]);
    expect(found(text)).toMatchObject([{ calls: 3, rows: 4, statement: text }]);
    expect(found("select nothing")).toMatchObject([{ calls: 1, errors: 1 }]);
    const [slowest] = statements;
    expect(slowest?.statement).toContain("pg_sleep($2)");
    expect(slowest?.maxMs).toBeGreaterThan(50);
    expect(slowest?.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    const [most] = (await asked.grpc.listStatements({ order: StatementOrder.CALLS, limit: 1 }))
      .statements;
    expect(most?.statement).toBe(text);
  });

  test("is listed by the command line, in the order that is asked for, and reset", async () => {
    await using client = await asked.client();
    await client.value("select 'x' as counted");
    const typed = await asked.type("statements --limit 1");
    expect(typed.split("\n")[0]).toMatch(/^BLOCK +USER +DATABASE +CALLS +TOTAL MS/);
    expect(typed).toMatch(/and \d+ more; --limit 0 lists all\n$/);
    expect(await asked.type("statements --order color")).toContain(
      '--order "color" is none of total',
    );
    expect(await asked.type("statements --limit 0 --order calls --reset")).toContain("as counted");
    expect(await asked.type("statements")).not.toContain("as counted");
    expect(await asked.gatewayd.process.waitForLine('does="reset the statements"')).toContain(
      "result=done",
    );
  });

  test("is told of by the minute", async () => {
    await using client = await asked.client();
    await client.value("select 1");
    const history = async (sinceMs: number) =>
      historySchema.parse(await asked.get(`history?sinceMs=${sinceMs}`));
    await waitFor("a point", async () => (await history(0)).blocks[0]?.points.length, {
      deadlineMs: 15_000,
    });
    await waitFor("the question to be in one", async () => {
      const points = (await history(0)).blocks[0]?.points ?? [];
      return points.some(
        ({ unitsPerSecond, latencyP95Ms }) => unitsPerSecond > 0 && latencyP95Ms > 0,
      );
    });
    const { stepMs, nowMs, blocks } = await history(0);
    const [writes] = blocks;
    const last = writes?.points.at(-1)?.atMs ?? 0;
    expect(writes?.block).toBe("writes");
    expect(nowMs - last).toBeLessThan(stepMs * 2);
    const later = await asked.grpc.getHistory({ sinceMs: last, group: "default" });
    expect(later.blocks[0]?.points.every(({ atMs }) => atMs > last)).toBe(true);
    expect(await asked.get("history?group=none")).toMatchObject({ code: 5 });
  }, 30_000);

  test("is decided about by policies and rules, which are counted", async () => {
    await using client = await asked.client();
    client.query("drop table hidden");
    expect(await client.errorResponse()).toMatchObject({ code: "42501" });
    await client.messagesUntil("Z");
    await client.value("truncate hidden");
    const { policies, rules } = await asked.grpc.listPolicies({});
    expect(new Map(policies.map(({ name, isBuiltIn }) => [name, isBuiltIn]))).toEqual(
      new Map([
        ["passthrough", true],
        ["terminate", true],
        ["log", false],
      ]),
    );
    expect(rules).toMatchObject([
      { name: "no dropping", action: "terminate", isEnabled: true, hits: 1, actions: 1 },
      { name: "try", isDryRun: true, hits: 1, actions: 1 },
      { name: "unused", isEnabled: false, evaluations: 0 },
    ]);
    expect(await asked.get("policies")).toMatchObject({
      policies: expect.arrayContaining([
        expect.objectContaining({ name: "log", expression: "Signal.log == true && Sync" }),
      ]),
      rules: [{ hook: "OnTrafficFromClient", condition: "query.contains('drop table')" }, {}, {}],
    });
    const typed = await asked.type("policies");
    expect(typed).toMatch(/log +0 +0 +0 +0 +Signal\.log == true && Sync\n/);
    expect(typed).toMatch(/no dropping +OnTrafficFromClient +terminate +\d+ +1 +1 +0 /);
    expect(typed).toMatch(/unused .* disabled /);
  });
});

test("settings are shown as they are in effect, with where they come from", async () => {
  const pool = { ...OPEN_POOL.pool, size: 3 };
  await using asked = await Asked.start(postgres, { ...OPEN_POOL, pool });
  const changed = await asked.type("settings --changed");
  expect(changed).toMatch(/^SETTING +VALUE +ORIGIN\n/);
  expect(changed).toMatch(/\npools\.default\.writes\.size +3 +\S*gatewayd\.yaml:\d+\n/);
  expect(changed).not.toContain(" default\n");
  expect(await asked.type("settings")).toMatch(/\nmetrics\.default\.statements +500 +default\n/);
});

test("where no statement is to be counted none is", async () => {
  const parts = { metrics: { default: { statements: 0 } } };
  await using asked = await Asked.start(postgres, { ...OPEN_POOL, parts });
  await using client = await asked.client();
  await client.value("select 1");
  expect(await asked.get("statements")).toEqual({ statements: [], total: 0, unlisted: [] });
});
