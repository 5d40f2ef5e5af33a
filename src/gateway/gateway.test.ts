import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { join } from "node:path";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import { readGlobal, readPlugins } from "../config/load-config.ts";
import type { HookName, HookPayload } from "../hooks/index.ts";
import { Gateway } from "./gateway.ts";

const TLS = join(import.meta.dir, "..", "..", "tests", "fixtures", "tls");

/** Accepts every connection and says nothing. */
let database: Bun.TCPSocketListener;
let gateway: Gateway;
let logger: MemoryLogger;

beforeEach(() => {
  database = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  logger = new MemoryLogger();
});

afterEach(async () => {
  await gateway.stopNow();
  database.stop(true);
});

function configured(
  servers: Readonly<Record<string, object>>,
  blocks: readonly string[],
  proxy: object = {},
  pluginsText = "",
): Gateway {
  const byBlock = (value: object): object =>
    Object.fromEntries(blocks.map((name) => [name, value]));
  const byGroup = (value: object): object =>
    Object.fromEntries(Object.keys(servers).map((name) => [name, value]));
  const text = JSON.stringify({
    clients: byGroup(byBlock({ address: `127.0.0.1:${database.port}`, retries: 0 })),
    pools: byGroup(byBlock({ size: 1 })),
    proxies: byGroup(byBlock(proxy)),
    servers,
  });
  const global = readGlobal(text, "gatewayd.yaml", { env: {} });
  const plugins = readPlugins(pluginsText, "", { env: {} });
  if (!global.ok || !plugins.ok) throw new Error(JSON.stringify([global, plugins]));
  const config = {
    ...global.config,
    global: global.config.value,
    globalPath: "gatewayd.yaml",
    plugins: plugins.config.value,
    pluginsPath: undefined,
  };
  return new Gateway(config, { main: logger, of: () => logger }, { dev: false });
}

function on(hook: HookName, handler: (payload: HookPayload) => HookPayload | void): void {
  gateway.hooks.register(hook, { name: "test", priority: 1000, onError: "continue", handler });
}

/** The payloads of a hook, one for each event. */
function eventsOf(hook: HookName): readonly HookPayload[] {
  const events: HookPayload[] = [];
  on(hook, (payload) => void events.push(payload));
  return events;
}

const server = { address: "127.0.0.1:0" };

test("OnNewProxy comes for each block and OnNewServer for each group, with the whole subtree", async () => {
  gateway = configured({ first: server, second: server }, ["reads", "writes"]);
  const proxies = eventsOf("OnNewProxy");
  const servers = eventsOf("OnNewServer");
  await gateway.boot();
  expect(proxies.map((payload) => Object.keys(payload))).toEqual(
    Array.from({ length: 4 }, () => ["first", "second"]),
  );
  expect(servers.map((payload) => Object.keys(payload))).toEqual([
    ["first", "second"],
    ["first", "second"],
  ]);
});

test("the address from OnRun takes the place of the first one; the others stay", async () => {
  gateway = configured({ default: { address: ["127.0.0.1:0", "127.0.0.2:0"] } }, ["writes"]);
  on("OnRun", () => ({ address: "127.0.0.3:0" }));
  await gateway.boot();
  const hosts = gateway.snapshot()[0]?.addresses.map((address) => address.split(":")[0]);
  expect(hosts).toEqual(["127.0.0.3", "127.0.0.2"]);
});

const NOT_APPLIED =
  "Changes of the configuration by OnConfigLoaded are not applied in this version";

test("a configuration changed by OnConfigLoaded is not applied, and a warning says so", async () => {
  gateway = configured({ default: server }, ["writes"]);
  on("OnConfigLoaded", () => ({ "pools.default.writes.size": 3 }));
  await gateway.boot();
  expect(logger.count(NOT_APPLIED)).toBe(1);
  expect(gateway.snapshot()[0]?.pools["writes"]?.size).toBe(1);
});

test("OnConfigLoaded that changes nothing is no reason for a warning", async () => {
  gateway = configured({ default: server }, ["writes"]);
  on("OnConfigLoaded", (payload) => payload);
  await gateway.boot();
  expect(logger.count(NOT_APPLIED)).toBe(0);
});

test("only servers that have listened are stopped: the log says so, and OnShutdown comes", async () => {
  gateway = configured({ default: server }, ["writes"]);
  const shutdowns = eventsOf("OnShutdown");
  await gateway.boot();
  await gateway.stopNow();
  expect(logger.count("Stopped the server")).toBe(1);
  expect(logger.count("Stopped all servers")).toBe(1);
  expect(shutdowns).toHaveLength(1);
});

test("after a boot that failed no server is said to be stopped", async () => {
  gateway = configured({ default: server }, ["writes"]);
  const shutdowns = eventsOf("OnShutdown");
  database.stop(true);
  expect(await gateway.boot().catch((error: unknown) => error)).toMatchObject({
    code: "ERR_POOL_BOOT_FAILED",
  });
  await gateway.stopNow();
  expect(logger.count("Stopped the server")).toBe(0);
  expect(logger.count("Stopped all servers")).toBe(0);
  expect(shutdowns).toHaveLength(0);
});

test.each([
  ["60s", 1],
  ["0s", 0],
])(
  "with a healthCheckPeriod of %s, %i schedulers are said to be started",
  async (period, count) => {
    gateway = configured({ default: server }, ["writes"], { healthCheckPeriod: period });
    await gateway.boot();
    expect(logger.count("Started the client health check scheduler")).toBe(count);
  },
);

test("after certificates that cannot be used nothing of other groups goes on", async () => {
  const tls = (name: string): object => ({
    ...server,
    enableTLS: true,
    certFile: join(TLS, name),
    keyFile: join(TLS, "server.key"),
  });
  gateway = configured({ first: tls("server.crt"), second: tls("gone.crt") }, ["writes"]);
  const intervals = spyOn(globalThis, "setInterval");
  try {
    expect(await gateway.boot().catch((error: unknown) => error)).toMatchObject({
      code: "ERR_CONFIG_INVALID",
    });
    expect(intervals).not.toHaveBeenCalled();
  } finally {
    intervals.mockRestore();
  }
});

test("a boot that is stopped opens nothing more", async () => {
  gateway = configured({ default: server }, ["writes"]);
  on("OnBooting", () => void gateway.stopNow());
  expect(await gateway.boot().catch((error: unknown) => error)).toMatchObject({
    code: "ERR_SHUTTING_DOWN",
  });
  expect(logger.count("GatewayD is listening")).toBe(0);
});

test("a plugin that cannot be run is told of before OnConfigLoaded, and the boot goes on", async () => {
  gateway = configured({ default: server }, ["writes"], {}, "plugins: [{name: p, url: u}]");
  const told: number[] = [];
  on("OnConfigLoaded", () => void told.push(logger.count("Failed to start plugin")));
  await gateway.boot();
  expect(told).toEqual([1]);
  expect(gateway.plugins.snapshot()).toMatchObject([{ name: "p", state: { kind: "failed" } }]);
  expect(logger.count("Starting plugin health check scheduler")).toBe(1);
  expect(logger.count("Started the metrics merger scheduler")).toBe(1);
  expect(gateway.pluginMetrics()).toBe("");
});

test("without plugins nothing watches them", async () => {
  gateway = configured({ default: server }, ["writes"]);
  await gateway.boot();
  expect(logger.count("Starting plugin health check scheduler")).toBe(0);
  expect(logger.count("Started the metrics merger scheduler")).toBe(0);
});
