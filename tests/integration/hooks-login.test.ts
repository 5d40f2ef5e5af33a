import { afterAll, beforeAll, expect, test } from "bun:test";
import { type HookHandler, type HookName, terminate } from "../../src/hooks/index.ts";
import { bytesIn } from "../fixtures/handlers.ts";
import { connectWire, type PostgresServer, startPostgres, waitFor } from "../kit/index.ts";
import { startInMode } from "./hook-modes.ts";
import { type GatewayInProcess, makeGateway } from "./start-gateway.ts";

let postgres: PostgresServer;
let other: PostgresServer;

beforeAll(async () => {
  [postgres, other] = await Promise.all([startPostgres(), startPostgres()]);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await other[Symbol.asyncDispose]();
});

async function started(): Promise<GatewayInProcess> {
  return await startInMode("transaction", postgres.address, { method: "trust" });
}

function on(inside: GatewayInProcess, hook: HookName, handler: HookHandler): void {
  inside.gateway.hooks.register(hook, {
    name: "login",
    priority: 1000,
    onError: "continue",
    handler,
  });
}

/** A handler that is asked, and answers when it is told to. */
function pending() {
  const answer = Promise.withResolvers<undefined>();
  const state = { isAsked: false, answer };
  const handler: HookHandler = async () => {
    state.isAsked = true;
    return await answer.promise;
  };
  return { state, handler };
}

test("a client that leaves while a handler has its startup leaves nothing", async () => {
  await using inside = await started();
  const { state, handler } = pending();
  on(inside, "OnTrafficFromClient", handler);
  const client = await connectWire(inside.target);
  client.startup();
  await waitFor("the handler to be asked", () => state.isAsked);
  client.reset();
  await waitFor("the session to end", () => inside.gateway.snapshot()[0]?.clients === 0);
  state.answer.resolve(undefined);
});

test("a client whose startup a handler has is told at once that the gateway stops", async () => {
  await using inside = await started();
  const { state, handler } = pending();
  on(inside, "OnTrafficFromClient", handler);
  await using client = await connectWire(inside.target);
  client.startup();
  await waitFor("the handler to be asked", () => state.isAsked);
  const draining = inside.gateway.drain();
  expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "57P01" });
  await client.ended();
  await draining;
  state.answer.resolve(undefined);
});

test("what follows a startup waits for its handler", async () => {
  await using inside = await started();
  on(inside, "OnTrafficFromClient", async () => {
    await new Promise((resolve) => setImmediate(resolve));
  });
  await using client = await connectWire(inside.target);
  client.startup();
  client.query("select 'early'");
  await client.messagesUntil("Z");
  const row = (await client.messagesUntil("Z")).find(({ type }) => type === "D");
  expect(row?.body.toString()).toContain("early");
});

test("a greeting is what handlers make of it, or the end", async () => {
  await using inside = await started();
  let isRefused = false;
  on(inside, "OnTrafficFromServer", (payload) => {
    if (isRefused) return terminate();
    const response = bytesIn(payload, "response").toString("latin1");
    return { response: Buffer.from(response.replace("ISO, MDY", "ISO, YMD"), "latin1") };
  });
  await using client = await connectWire(inside.target);
  const greeting = await client.login();
  expect(greeting.map(({ body }) => body.toString())).toContain("DateStyle\0ISO, YMD\0");
  isRefused = true;
  client.query("select 1");
  expect(await client.errorResponse()).toMatchObject({ severity: "ERROR", code: "42000" });
});

test("what handlers make of a startup decides where the client is led", async () => {
  const each = (of: (name: string) => unknown) => ({ one: of("one"), two: of("two") });
  const address = (name: string) => (name === "one" ? postgres : other).address;
  await using inside = await makeGateway(
    JSON.stringify({
      loggers: { default: {} },
      clients: { default: each((name) => ({ address: address(name) })) },
      pools: { default: each(() => ({ mode: "transaction" })) },
      proxies: { default: each(() => ({})) },
      servers: {
        default: {
          address: "127.0.0.1:0",
          auth: { method: "trust" },
          routes: ["one", "two"].map((name) => ({ database: name, blocks: name, as: "postgres" })),
        },
      },
    }),
  );
  await inside.gateway.boot();
  inside.recordAll();
  on(inside, "OnTrafficFromClient", (payload) => {
    const request = bytesIn(payload, "request").toString("latin1");
    return { request: Buffer.from(request.replace("database\0one", "database\0two"), "latin1") };
  });
  await using client = await connectWire(inside.target);
  await client.login({ user: "postgres", database: "one" });
  client.query("select inet_server_port()");
  const row = (await client.messagesUntil("Z")).find(({ type }) => type === "D");
  expect(row?.body.toString()).toContain(`${other.port}`);
  const remotes = inside.events.flatMap(({ hook, payload }) =>
    hook.startsWith("OnTraffic") && "server" in payload
      ? [Reflect.get(Object(payload["server"]), "remote")]
      : [],
  );
  // The first call is of the startup as it came.
  expect(remotes[0]).toBe(postgres.address);
  expect(new Set(remotes.slice(2))).toEqual(new Set([other.address]));
});
