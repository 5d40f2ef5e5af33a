import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { join } from "node:path";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import type { ConfigOverride, GlobalConfig, LoadResult } from "../config/index.ts";
import { readGlobal, readPlugins } from "../config/load-config.ts";
import type { HandlerRegistration, HookHandler, HookName, HookPayload } from "../hooks/index.ts";
import { terminate } from "../hooks/index.ts";
import { Gateway } from "./gateway.ts";

type LoggerSettings = GlobalConfig["loggers"];

const TLS = join(import.meta.dir, "..", "..", "tests", "fixtures", "tls");

/** Accepts every connection and says nothing. */
let database: Bun.TCPSocketListener;
let gateway: Gateway;
let logger: MemoryLogger;
/** What the loggers were changed to. */
let reconfigured: LoggerSettings[];

beforeEach(() => {
  database = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  logger = new MemoryLogger();
  reconfigured = [];
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
    metrics: { default: { address: "127.0.0.1:0" } },
    clients: byGroup(byBlock({ address: `127.0.0.1:${database.port}`, retries: 0 })),
    pools: byGroup(byBlock({ size: 1 })),
    proxies: byGroup(byBlock(proxy)),
    servers,
  });
  const load = (overrides?: readonly ConfigOverride[]): LoadResult => {
    const global = readGlobal(text, "gatewayd.yaml", { env: {}, overrides });
    const plugins = readPlugins(pluginsText, "", { env: {} });
    if (!global.ok) return global;
    if (!plugins.ok) return plugins;
    const config = {
      ...global.config,
      global: global.config.value,
      globalPath: "gatewayd.yaml",
      plugins: plugins.config.value,
      pluginsPath: undefined,
    };
    return { ok: true, config };
  };
  const result = load();
  if (!result.ok) throw new Error(JSON.stringify(result.issues));
  const reconfigure = (settings: LoggerSettings): void => void reconfigured.push(settings);
  const loggers = {
    main: logger,
    of: () => logger,
    setLevel: () => false,
    reconfigure,
    sinks: () => [],
  };
  return new Gateway(result.config, loggers, { dev: false, version: "0.0.0" }, load);
}

function on(hook: HookName, handler: HookHandler, more: Partial<HandlerRegistration> = {}): void {
  const registration = { name: "test", priority: 1000, onError: "continue", handler } as const;
  gateway.hooks.register(hook, { ...registration, ...more });
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

const CHANGED = "A plugin has changed the configuration";

test("what OnConfigLoaded answers is effective for all that is built, and for the loggers", async () => {
  gateway = configured({ default: server }, ["writes"]);
  const told = eventsOf("OnNewLogger");
  on("OnConfigLoaded", (payload) => ({
    ...payload,
    "pools.default.writes.size": 3,
    loggers: { default: { level: "debug" } },
  }));
  await gateway.boot();
  expect(gateway.snapshot()[0]?.pools["writes"]?.size).toBe(3);
  expect(reconfigured.map((settings) => settings["default"]?.level)).toEqual(["debug"]);
  expect(told).toMatchObject([{ default: { level: "debug" } }]);
  expect(logger.count(CHANGED)).toBe(1);
});

test("OnConfigLoaded that changes nothing leaves everything as it is", async () => {
  gateway = configured({ default: server }, ["writes"]);
  on("OnConfigLoaded", (payload) => payload);
  await gateway.boot();
  expect(logger.count(CHANGED)).toBe(0);
  expect(reconfigured).toEqual([]);
});

test("handlers of OnConfigLoaded see what those before them have changed, and the last one counts", async () => {
  gateway = configured({ default: server }, ["writes"]);
  let seen: unknown;
  on("OnConfigLoaded", () => ({ pools: { default: { writes: { size: 2 } } } }), { name: "first" });
  on(
    "OnConfigLoaded",
    async (payload) => {
      seen = payload["pools.default.writes.size"];
      return { ...payload, "pools.default.writes.size": 4, __signals__: [] };
    },
    { name: "second", priority: 1001 },
  );
  on("OnConfigLoaded", () => Promise.reject(new Error("broken")), { priority: 1002 });
  await gateway.boot();
  expect(seen).toBe(2);
  expect(gateway.snapshot()[0]?.pools["writes"]?.size).toBe(4);
  const changes = logger.records.filter(({ message }) => message === CHANGED);
  expect(changes.map(({ fields }) => fields)).toEqual([
    { name: "second", keys: ["pools.default.writes.size"] },
  ]);
});

test("a handler of OnConfigLoaded that terminates leaves the configuration as it is", async () => {
  gateway = configured({ default: server }, ["writes"]);
  on("OnConfigLoaded", () => ({ "pools.default.writes.size": 3 }));
  on("OnConfigLoaded", () => terminate(), { priority: 1001 });
  await gateway.boot();
  expect(gateway.snapshot()[0]?.pools["writes"]?.size).toBe(1);
});

test("a configuration that OnConfigLoaded makes invalid ends the boot, and says whose fault it is", async () => {
  gateway = configured({ default: server }, ["writes"]);
  on("OnConfigLoaded", () => ({ "pools.default.writes.sise": 3, servers: { default: 1 } }));
  const error: unknown = await gateway.boot().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({
    code: "ERR_CONFIG_OVERRIDE",
    message: [
      'plugin test: pools.default.writes.sise: unknown key, did you mean "size"?',
      "plugin test: servers.default: must be a map of keys",
    ].join("; "),
  });
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
    // One is of the history of what is counted, which ends with the gateway: files have none.
    const delays = intervals.mock.calls.map(([, delayMs]) => delayMs);
    expect(delays.filter((delayMs) => delayMs === 5_000)).toHaveLength(1);
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
  expect(gateway.metricsText()).toContain('gatewayd_plugin_up{plugin="p"} 0\n');
});

test("without plugins nothing watches them", async () => {
  gateway = configured({ default: server }, ["writes"]);
  await gateway.boot();
  expect(logger.count("Starting plugin health check scheduler")).toBe(0);
  expect(logger.count("Started the metrics merger scheduler")).toBe(0);
});
