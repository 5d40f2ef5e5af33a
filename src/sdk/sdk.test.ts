import { RedisClient } from "bun";
import type { Socket } from "bun";
import { describe, expect, test } from "bun:test";
import { waitFor } from "../../tests/kit/index.ts";
import { Termination } from "../hooks/index.ts";
import { BackendWriter, FrontendWriter, readyForQuery } from "../postgres/index.ts";
import {
  authenticationCleartextPassword,
  authenticationMd5Password,
  authenticationOk,
  authenticationSasl,
  authenticationSaslContinue,
  authenticationSaslFinal,
  connectionState,
  definePlugin,
  errorResponse,
  fingerprint,
  log,
  normalize,
  parseSql,
  passthrough,
  rows,
  tablesOf,
  terminate,
} from "./plugin-api.ts";
import type { HandlerResult, PluginHandlers } from "./plugin-api.ts";
import type { PluginContext } from "./plugin-context.ts";
import { StartedPlugin } from "./started-plugin.ts";
import { answerTo, openPlugin, openSession, queryMessage } from "./testing.ts";

const plugin = (handlers: PluginHandlers) =>
  definePlugin({ name: "p", version: "1.0.0", setup: () => handlers });

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** The tags of messages, one letter each. */
function tags(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes);
  let all = "";
  for (let at = 0; at < buffer.length; at += 1 + buffer.readInt32BE(at + 1)) {
    all += String.fromCharCode(buffer[at] ?? 0);
  }
  return all;
}

const batch = (sql = "select $1"): Uint8Array =>
  new FrontendWriter()
    .parse({ name: "", text: sql, parameterTypes: [23] })
    .describe({ kind: "statement", name: "" })
    .bind({
      portal: "",
      statement: "",
      parameterFormats: [],
      values: ["1"],
      resultFormats: [1],
    })
    .describe({ kind: "portal", name: "" })
    .execute({ portal: "", maxRows: 0 })
    .close({ kind: "portal", name: "" })
    .sync()
    .take();

test.each([true, 7, "no", { request: "no" }, [true]])(
  "a handler that answers %p is told what it may answer",
  async (answer) => {
    // As one in JavaScript may.
    const result = answer as unknown as HandlerResult;
    await using now = await openPlugin(plugin({ onTrafficFromClient: () => result }));
    await using later = await openPlugin(plugin({ onTrafficFromClient: async () => result }));
    for (const open of [now, later]) {
      await expect(open.request("select 1")).rejects.toThrow("a handler answers nothing, a signal");
    }
  },
);

describe("a request", () => {
  test("shows its messages, its SQL and its session", async () => {
    const seen: unknown[] = [];
    await using open = await openPlugin(
      plugin({
        onTrafficFromClient: ({ query, queries, messages, session }) => {
          seen.push({
            query,
            queries,
            types: messages.map(({ type }) => type),
            user: session.user,
          });
        },
      }),
    );
    await open.request("select 1", openSession({ user: "ann" }));
    await open.request(batch());
    await open.request(new FrontendWriter().startupMessage([["user", "ann"]], 0x30000).take());
    const types = ["Parse", "Describe", "Bind", "Describe", "Execute", "Close", "Sync"];
    expect(seen).toEqual([
      { query: "select 1", queries: ["select 1"], types: ["Query"], user: "ann" },
      { query: "select $1", queries: ["select $1"], types, user: undefined },
      { query: undefined, queries: [], types: ["StartupMessage"], user: undefined },
    ]);
  });

  test("is decoded once, when it is looked at, and a malformed one only then", async () => {
    const broken = Buffer.from("Q\0\0\0\x05x", "latin1");
    await using indifferent = await openPlugin(plugin({ onTrafficFromClient: () => {} }));
    expect(await indifferent.request(broken)).toEqual({ kind: "forwarded", bytes: broken });
    await using curious = await openPlugin(
      plugin({
        onTrafficFromClient: (event) => {
          expect(event.messages[0]?.fields).toBe(event.messages[0]?.fields);
        },
      }),
    );
    await curious.request("select 1");
    await expect(curious.request(broken)).rejects.toThrow("Query: malformed text");
    await expect(curious.request(broken.subarray(0, 4))).rejects.toThrow("not whole messages");
  });

  test("is rewritten by bytes, by a text, and by a function of each text", async () => {
    let change: Uint8Array | string | ((sql: string) => string) = "select 2";
    await using open = await openPlugin(
      plugin({ onTrafficFromClient: (event) => event.rewrite(change) }),
    );
    const rewritten = async (request: Uint8Array | string): Promise<string> => {
      const outcome = await open.request(request);
      return outcome.kind === "forwarded" ? text(outcome.bytes) : outcome.kind;
    };
    expect(await rewritten("select 1")).toBe(text(queryMessage("select 2")));
    expect(await rewritten(batch())).toBe(text(batch("select 2")));
    const two = new FrontendWriter().query("select 1").query("select 3").take();
    await expect(open.request(two)).rejects.toThrow("holds 2 SQL texts");
    change = (sql) => `${sql}, 9`;
    expect(await rewritten(two)).toBe(
      text(new FrontendWriter().query("select 1, 9").query("select 3, 9").take()),
    );
    change = Buffer.from("X");
    expect(await rewritten("select 1")).toBe("X");
  });

  test("is answered in its own form, with the transaction status as it is", async () => {
    await using open = await openPlugin(
      plugin({
        onTrafficFromClient: (event) => {
          if (event.query === "stop") return event.respond(errorResponse({ message: "no" }));
          event.respond(
            rows(
              ["a", { name: "b", type: "int4" }],
              [
                ["x", 7],
                [null, -1],
              ],
            ),
          );
        },
      }),
    );
    const answered = async (
      request: Uint8Array | string,
      session = openSession(),
    ): Promise<Uint8Array> => {
      const outcome = await open.request(request, session);
      return outcome.kind === "answered" ? outcome.bytes : Buffer.from(outcome.kind);
    };
    const int4 = { name: "b", typeOid: 23, typeSize: 4, format: 0 };
    const simple = new BackendWriter()
      .rowDescription(["a", int4])
      .dataRow(["x", "7"])
      .dataRow([null, "-1"])
      .commandComplete("SELECT 2")
      .take();
    expect(await answered("select 1")).toEqual(Buffer.concat([simple, readyForQuery(0x49)]));
    const inTransaction = openSession({ transactionStatus: "inTransaction" });
    expect((await answered("select 1", inTransaction)).at(-1)).toBe("T".charCodeAt(0));
    const failed = openSession({ transactionStatus: "failed" });
    expect((await answered("select 1", failed)).at(-1)).toBe("E".charCodeAt(0));

    const binary = new BackendWriter()
      .parseComplete()
      .parameterDescription([23])
      .rowDescription(["a", int4])
      .bindComplete()
      .rowDescription([
        { name: "a", typeOid: 25, typeSize: -1, format: 1 },
        { ...int4, format: 1 },
      ])
      .dataRow(["x", Buffer.from([0, 0, 0, 7])])
      .dataRow([null, Buffer.from([255, 255, 255, 255])])
      .commandComplete("SELECT 2")
      .closeComplete()
      .take();
    expect(await answered(batch())).toEqual(Buffer.concat([binary, readyForQuery(0x49)]));

    expect(tags(await answered("stop"))).toBe("EZ");
    expect(tags(await answered(batch("stop")))).toBe("EZ");
    const part = new FrontendWriter().parse({ name: "", text: "stop", parameterTypes: [] }).flush();
    expect(tags(await answered(part.take()))).toBe("E");
  });
});

test.each([
  [{ sqlState: "00000" }, "00000 is no SQLSTATE"],
  [{ sqlState: "4200" }, "4200 is no SQLSTATE"],
  [{ sqlState: "42p01" }, "42p01 is no SQLSTATE"],
  [{ sqlState: "42000\0" }, "is no SQLSTATE"],
  [{ severity: "PANIC" }, "PANIC is no severity"],
  [{ message: undefined }, "an error needs its message"],
])("an error %p is none", (fields, problem) => {
  // As JavaScript lets one write it.
  const error = { message: "no", ...fields } as Parameters<typeof errorResponse>[0];
  expect(() => errorResponse(error)).toThrow(problem);
});

test.each([
  ["int2", 40_000],
  ["int4", 1.5],
  ["int8", "1"],
  ["bool", 1],
  ["float8", "1"],
] as const)("a column of type %s refuses %p", (type, value) => {
  expect(() => answerTo("select 1", rows([{ name: "a", type }], [[value]]))).toThrow(TypeError);
});

test("a row must have a value for each column", () => {
  expect(() => rows(["a", "b"], [["1"]])).toThrow("a row of 1 values for 2 columns");
});

describe("a response", () => {
  const answer = answerTo("select 1", rows(["a"], [["one"], ["two"]]));

  test("shows its messages beside the request", async () => {
    const seen: unknown[] = [];
    await using open = await openPlugin(
      plugin({
        onTrafficFromServer: ({ query, messages, isPartial }) => {
          seen.push(
            query,
            isPartial,
            messages.map(({ type }) => type),
          );
          const [, row] = messages;
          if (row?.type === "DataRow")
            seen.push(row.fields.values.map((value) => Buffer.from(value ?? []).toString()));
        },
      }),
    );
    await open.response(answer, "select 1");
    const types = ["RowDescription", "DataRow", "DataRow", "CommandComplete", "ReadyForQuery"];
    expect(seen).toEqual(["select 1", false, types, ["one"]]);
  });

  test("has its rows mapped, and goes on untouched when none is changed", async () => {
    let word = "two";
    await using open = await openPlugin(
      plugin({
        onTrafficFromServer: (event) =>
          event.mapRows((values) =>
            String(Buffer.from(values[0] ?? [])) === word ? ["2"] : values,
          ),
      }),
    );
    const outcome = await open.response(answer, "select 1");
    expect(outcome).toEqual({
      kind: "forwarded",
      bytes: Buffer.from(
        answerTo("select 1", rows(["a"], [["one"], ["2"]], { commandTag: "SELECT 2" })),
      ),
    });
    word = "three";
    const untouched = await open.response(answer, "select 1");
    expect(untouched.kind === "forwarded" && untouched.bytes).toBe(answer);
  });
});

describe("what a handler answers", () => {
  const answerOf = async (result: HandlerResult): Promise<unknown> => {
    const started = await StartedPlugin.start(plugin({ onTrafficFromClient: () => result }), {
      config: undefined,
      logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
    });
    return started.handler("OnTrafficFromClient")({ request: queryMessage("q") }, openSession());
  };
  const wish = { name: "terminate", metadata: { terminate: true } };
  const line = { name: "log", metadata: { a: 1, log: true, level: "info", message: "m" } };

  test("is nothing for nothing, at once", async () => {
    expect(await answerOf(undefined)).toBeUndefined();
    expect(await answerOf(null)).toBeUndefined();
    const handler = (
      await StartedPlugin.start(plugin({ onTick: () => {} }), {
        config: undefined,
        logger: { trace() {}, debug() {}, info() {}, warn() {}, error() {} },
      })
    ).handler("OnTick");
    expect(handler({ connections: 1 }, undefined)).toBeUndefined();
  });

  test("is a termination, or signals for policies to judge", async () => {
    expect(await answerOf(terminate())).toEqual(new Termination({}));
    const response = errorResponse({ message: "no" });
    expect(await answerOf(terminate({ response }))).toEqual(
      new Termination({ response: answerTo("q", response) }),
    );
    const pass = { name: "passthrough", metadata: null };
    expect(await answerOf(passthrough())).toEqual({ __signals__: [pass] });
    expect(await answerOf([passthrough(), log("info", "m", { a: 1 })])).toEqual({
      __signals__: [line],
    });
    expect(await answerOf(log("info", "m", { a: 1 }))).toEqual({ __signals__: [line] });
    expect(await answerOf([log("info", "m", { a: 1 }), terminate()])).toEqual({
      __signals__: [line, wish],
    });
  });
});

test("events without traffic are told and rewritten by their payload", async () => {
  await using open = await openPlugin(
    plugin({
      onRun: (event) => event.rewrite({ address: event.payload.address.replace(/\d+$/, "1") }),
      onTick: async ({ payload }) => log("debug", String(payload.connections)),
    }),
  );
  expect(await open.event("OnRun", { address: "127.0.0.1:15432" })).toEqual({
    address: "127.0.0.1:1",
  });
  expect(await open.event("OnTick", { connections: 3 })).toMatchObject({
    __signals__: [{ metadata: { message: "3" } }],
  });
  expect(await open.event("OnBooted", { status: "0" })).toBeUndefined();
});

test("what logs a client in is what PostgreSQL's messages are", () => {
  const bytes = (text: string) => Buffer.from(text, "latin1");
  expect(Buffer.from(authenticationCleartextPassword())).toEqual(bytes("R\0\0\0\x08\0\0\0\x03"));
  expect(Buffer.from(authenticationMd5Password(bytes("salt")))).toEqual(
    bytes("R\0\0\0\x0c\0\0\0\x05salt"),
  );
  expect(() => authenticationMd5Password(bytes("long salt"))).toThrow("of 9 bytes");
  expect(Buffer.from(authenticationSasl(["A", "B"]))).toEqual(
    bytes("R\0\0\0\x0d\0\0\0\x0aA\0B\0\0"),
  );
  expect(Buffer.from(authenticationSaslContinue(bytes("c")))).toEqual(
    bytes("R\0\0\0\x09\0\0\0\x0bc"),
  );
  expect(Buffer.from(authenticationSaslFinal(bytes("f")))).toEqual(bytes("R\0\0\0\x09\0\0\0\x0cf"));
  expect(tags(authenticationOk({ serverVersion: "18.1" }))).toBe("RSSZ");
  const key = { processId: 1, secretKey: bytes("1234") };
  const parameters = { TimeZone: "UTC" };
  const greeting = authenticationOk({ serverVersion: "18.1", parameters, ...key });
  expect(tags(greeting)).toBe("RSSSKZ");
  expect(text(greeting)).toContain("TimeZone\0UTC\0");
});

test("SQL is understood as PostgreSQL understands it", async () => {
  await using _ready = await openPlugin(plugin({}));
  expect(tablesOf("select * from a join s.b using (id)")).toEqual(["a", "s.b"]);
  expect(normalize("select 1")).toBe("select $1");
  expect(fingerprint("select 1")).toBe(fingerprint("select 2"));
  expect(parseSql("select 1; select 2")?.stmts).toHaveLength(2);
});

test("a connection's state is its own", async () => {
  const counts = connectionState(() => ({ requests: 0 }));
  const seen: number[] = [];
  await using open = await openPlugin(
    plugin({ onTrafficFromClient: (event) => void seen.push(++counts.of(event).requests) }),
  );
  const [ann, bob] = [openSession(), openSession()];
  for (const session of [ann, bob, ann, ann]) await open.request("q", session);
  expect(seen).toEqual([1, 1, 2, 3]);
  expect(() => counts.of({ session: undefined })).toThrow("of no connection");
});

describe("a plugin", () => {
  test("gets its settings through its schema, or does not start", async () => {
    const seen: unknown[] = [];
    const withSchema = (configSchema: Parameters<typeof definePlugin>[0]["configSchema"]) =>
      definePlugin<unknown>({
        name: "p",
        version: "1.0.0",
        ...(configSchema && { configSchema }),
        setup: ({ config }) => {
          seen.push(config);
          return {};
        },
      });
    await using _plain = await openPlugin(withSchema(undefined), { a: 1 });
    await using _parsed = await openPlugin(withSchema({ parse: (value) => [value] }), { a: 2 });
    const validate = (value: unknown) =>
      JSON.stringify(value) === "{}"
        ? { issues: [{ message: "is required", path: ["a", { key: 0 }] }] }
        : { value: "valid" };
    const standard = { "~standard": { validate } };
    await using _standard = await openPlugin(withSchema(standard), { a: 3 });
    expect(seen).toEqual([{ a: 1 }, [{ a: 2 }], "valid"]);
    await expect(openPlugin(withSchema(standard))).rejects.toMatchObject({
      code: "ERR_PLUGIN_MODULE",
      message: "its configuration is not valid: a.0: is required",
    });
  });

  test.each([
    [undefined, "must export a plugin by default"],
    [{ name: "p", version: "1" }, "must export a plugin by default"],
    [{ name: "p", version: "1", setup: () => 1 }, "must answer an object of handlers"],
    [{ name: "p", version: "1", setup: () => ({ onRun: 1 }) }, "must answer an object of handlers"],
    [
      {
        name: "p",
        version: "1",
        setup: () => {
          throw new Error("no luck");
        },
      },
      "no luck",
    ],
  ])("that is %p does not start", async (exported, problem) => {
    const logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
    await expect(
      StartedPlugin.start(exported, { config: undefined, logger }),
    ).rejects.toMatchObject({
      code: "ERR_PLUGIN_MODULE",
      message: expect.stringContaining(problem),
    });
  });

  test("names its hooks in its order, and what is none", async () => {
    const logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} };
    const handlers = { onTick: () => {}, onTrafic: () => {}, onBooted: () => {} };
    const started = await StartedPlugin.start(plugin(handlers), { config: undefined, logger });
    expect(started.hooks).toEqual(["OnTick", "OnBooted"]);
    expect(started.unknownHooks).toEqual(["onTrafic"]);
  });

  test("has metrics of its own", async () => {
    const open = await openPlugin(
      definePlugin({
        name: "p",
        version: "1.0.0",
        setup: ({ metrics }) => {
          const seen = metrics.counter({ name: "seen_total", help: "Seen." });
          const labelled = metrics.counter({ name: "by_total", help: "By.", labels: ["db"] });
          const level = metrics.gauge({ name: "level", help: "Level." });
          const sizes = metrics.histogram({ name: "sizes", help: "Sizes.", buckets: [1, 10] });
          return {
            onTick: () => {
              seen.inc();
              labelled.inc({ db: "a" }, 2);
              level.set(5);
              sizes.observe(3);
            },
          };
        },
      }),
    );
    await open.event("OnTick", { connections: 0 });
    const metrics = await open.metrics();
    for (const line of [
      "seen_total 1",
      'by_total{db="a"} 2',
      "level 5",
      'sizes_bucket{le="10"} 1',
    ]) {
      expect(metrics.split("\n")).toContain(line);
    }
    await open[Symbol.asyncDispose]();
    await using silent = await openPlugin(plugin({}));
    expect(await silent.metrics()).toBe("");
  });

  test("ends its timers and what it has opened, the last first; a callback that fails is logged", async () => {
    const events: string[] = [];
    const { promise: ticked, resolve } = Promise.withResolvers<void>();
    let isAborted = false;
    const open = await openPlugin(
      definePlugin({
        name: "p",
        version: "1.0.0",
        setup: ({ every, after, onStop, signal }) => {
          signal.addEventListener("abort", () => (isAborted = true));
          onStop(() => events.push("first"));
          onStop(() => {
            events.push("second");
            throw new Error("broken");
          });
          every(1, resolve);
          const cancel = after(1, () => events.push("cancelled"));
          cancel();
          after(60_000, () => events.push("late"));
          return {};
        },
      }),
    );
    await ticked;
    await open[Symbol.asyncDispose]();
    expect(events).toEqual(["second", "first"]);
    expect(isAborted).toBe(true);
    expect(open.logged).toMatchObject([{ level: "error", fields: { error: new Error("broken") } }]);
  });

  test("has no timers after its end, and what is opened then is closed at once", async () => {
    const { promise: given, resolve } = Promise.withResolvers<PluginContext<unknown>>();
    const open = await openPlugin(
      definePlugin({
        name: "p",
        version: "1.0.0",
        setup: (context) => {
          resolve(context);
          return {};
        },
      }),
    );
    await open[Symbol.asyncDispose]();
    const { every, after, onStop } = await given;
    const events: string[] = [];
    every(1, () => events.push("every"))();
    every(1, () => events.push("every"));
    after(1, () => events.push("after"));
    onStop(() => events.push("closed"));
    await new Promise((done) => setTimeout(done, 20));
    expect(events).toEqual(["closed"]);
  });

  test("has a connection to Redis that comes back, also after a handshake that failed", async () => {
    const sockets = new Set<Socket>();
    let connections = 0;
    using server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open(socket) {
          connections++;
          sockets.add(socket);
        },
        close: (socket) => void sockets.delete(socket),
        data(socket, data) {
          const command = data.toString();
          if (!command.includes("HELLO")) socket.write("$5\r\nvalue\r\n");
          else if (connections === 1) socket.write("-LOADING Redis is loading the dataset\r\n");
          else socket.write("%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n");
        },
      },
    });
    const { promise: given, resolve } = Promise.withResolvers<{ readonly client: RedisClient }>();
    await using open = await openPlugin(
      definePlugin({
        name: "p",
        version: "1.0.0",
        setup: ({ redis }) => {
          resolve({ client: redis(`redis://127.0.0.1:${server.port}`) });
          return {};
        },
      }),
    );
    const { client } = await given;
    await expect(client.get("key")).rejects.toThrow("there is no connection to Redis");
    expect(client.connected).toBe(false);
    const answered = { retryErrors: true };
    expect(await waitFor("an answer", () => client.get("key"), answered)).toBe("value");
    expect([client.connected, client instanceof RedisClient]).toEqual([true, true]);
    for (const socket of sockets) socket.end();
    await waitFor("the loss", () => !client.connected);
    expect(await waitFor("another answer", () => client.get("key"), answered)).toBe("value");
    expect(connections).toBe(3);
    expect(open.logged.filter(({ level }) => level === "warn")).toHaveLength(2);
    await open[Symbol.asyncDispose]();
    await waitFor("the end of the connection", () => sockets.size === 0);
    await expect(client.get("key")).rejects.toThrow("there is no connection to Redis");
  });
});
