import { heapStats } from "bun:jsc";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import { waitFor } from "../../tests/kit/index.ts";
import { loadConfig, readConfigFiles } from "../config/index.ts";
import type { LoadedConfig } from "../config/index.ts";
import { Gateway } from "./gateway.ts";
import type { ReloadPart } from "./reload-part.ts";
import type { EvaluateConfig } from "./reload.ts";

let directory: string;
/** Accepts every connection and says nothing. */
let database: Bun.TCPSocketListener;
let gateway: Gateway;
let logger: MemoryLogger;

const path = (): string => join(directory, "gatewayd.yaml");

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "gatewayd-reload-"));
  database = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  logger = new MemoryLogger();
  await write({});
  const evaluate = reread();
  const loaded = evaluate([]);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.issues));
  const loggers = {
    main: logger,
    of: () => logger,
    setLevel: () => false,
    reconfigure: () => {},
    sinks: () => [],
  };
  gateway = new Gateway(loaded.config, loggers, { dev: false, version: "0", reread }, evaluate);
});

afterEach(async () => {
  plugins = undefined;
  await gateway.stopNow();
  database.stop(true);
  await rm(directory, { recursive: true });
});

function reread(): EvaluateConfig {
  const asked = { configPath: path(), pluginConfigPath: undefined, env: {} };
  const found = { kind: "found", path: "gatewayd_plugins.yaml", text: plugins ?? "" } as const;
  const files = {
    ...readConfigFiles(asked),
    plugins: plugins === undefined ? noPlugins : found,
  };
  return (overrides) => loadConfig({ ...asked, files, overrides });
}

/** Text of the plugins file. */
let plugins: string | undefined;

const noPlugins = { kind: "missing", notFound: { what: "plugins", triedPaths: [] } } as const;

async function write(parts: {
  readonly server?: object;
  readonly pool?: object;
  readonly groups?: readonly string[];
}): Promise<void> {
  const { server, pool, groups = ["default"] } = parts;
  const byGroup = (value: object): object =>
    Object.fromEntries(groups.map((group) => [group, value]));
  const text = {
    api: { enabled: false },
    metrics: { default: { enabled: false } },
    clients: byGroup({ writes: { address: `127.0.0.1:${database.port}`, retries: 0 } }),
    pools: byGroup({ writes: { size: 1, ...pool } }),
    servers: byGroup({ address: "127.0.0.1:0", ...server }),
  };
  await writeFile(path(), JSON.stringify(text));
}

async function refusal(): Promise<unknown> {
  return await gateway.reload().catch((error: unknown) => error);
}

const sizeOf = ({ global }: LoadedConfig): number | undefined =>
  global.pools["default"]?.["writes"]?.size;

describe("a reload", () => {
  test("is told of by what it has changed, and is what is in effect from then on", async () => {
    await gateway.boot();
    await write({ pool: { size: 2 } });
    expect(await gateway.reload()).toEqual({
      changed: ["pools.default.writes.size"],
      needsRestart: [],
      warnings: [],
    });
    expect([sizeOf(gateway.config), gateway.snapshot()[0]?.pools["writes"]?.size]).toEqual([2, 2]);
    expect((await gateway.reload()).changed).toEqual([]);
  });

  test("asks plugins at OnConfigLoaded, and what they set goes before the files", async () => {
    gateway.hooks.register("OnConfigLoaded", {
      name: "sizes",
      priority: 1,
      onError: "continue",
      handler: () => ({ "pools.default.writes.size": 4 }),
    });
    await gateway.boot();
    await write({ pool: { size: 2 } });
    await gateway.reload();
    expect(sizeOf(gateway.config)).toBe(4);
  });

  test("that is refused has changed nothing, and says everything that is wrong", async () => {
    await gateway.boot();
    const before = gateway.config;
    await write({ pool: { size: 0 }, server: { adress: "127.0.0.1:1" } });
    expect(await refusal()).toMatchObject({
      code: "ERR_RELOAD_REFUSED",
      message: expect.stringMatching(
        /gatewayd\.yaml:1:\d+: .*size: must be at least 1[^]*gatewayd\.yaml:1:\d+: .*adress: unknown key/,
      ),
    });
    expect(gateway.config).toBe(before);
  });

  test("opens a new group, and has none of it when one address cannot be had", async () => {
    await gateway.boot();
    await write({ groups: ["default", "tenant"] });
    await gateway.reload();
    expect(gateway.snapshot().map(({ group }) => group)).toEqual(["default", "tenant"]);
    await write({ groups: ["default"] });
    await gateway.reload();
    expect(gateway.snapshot().map(({ group }) => group)).toEqual(["default"]);
    await write({
      groups: ["default", "other"],
      pool: { size: 3 },
      server: { address: `127.0.0.1:${database.port}` },
    });
    expect(await refusal()).toMatchObject({ code: "ERR_RELOAD_REFUSED" });
    expect(gateway.snapshot().map(({ group }) => group)).toEqual(["default"]);
    expect(sizeOf(gateway.config)).toBe(1);
  });

  test("is one at a time", async () => {
    await gateway.boot();
    const outcomes = await Promise.allSettled([gateway.reload(), gateway.reload()]);
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(outcomes[1]).toMatchObject({ reason: { code: "ERR_RELOAD_BUSY" } });
  });

  test("is counted by what came of it", async () => {
    await gateway.boot();
    await gateway.reload();
    await write({ pool: { size: 0 } });
    await refusal();
    expect(gateway.metricsText()).toContain('gatewayd_config_reloads_total{outcome="applied"} 1');
    expect(gateway.metricsText()).toContain('gatewayd_config_reloads_total{outcome="refused"} 1');
  });

  test("is not possible any more when the gateway has stopped", async () => {
    await gateway.boot();
    await gateway.stopNow();
    expect(await refusal()).toMatchObject({ code: "ERR_SHUTTING_DOWN" });
  });
});

describe("the parts of a reload", () => {
  const told: string[] = [];
  const part = (name: string, fails: boolean): ReloadPart => ({
    name,
    prepare: () => {
      told.push(`${name} prepares`);
      if (fails) throw new Error(`${name} cannot`);
      return {
        apply: () => void told.push(`${name} applies`),
        discard: () => void told.push(`${name} discards`),
      };
    },
  });

  beforeEach(() => void told.splice(0));

  test("all prepare before the first applies", async () => {
    gateway.follow(part("one", false));
    gateway.follow(part("two", false));
    await gateway.boot();
    await gateway.reload();
    expect(told).toEqual(["one prepares", "two prepares", "one applies", "two applies"]);
  });

  test("discard what they have prepared when one of them cannot", async () => {
    gateway.follow(part("one", false));
    gateway.follow(part("two", true));
    await gateway.boot();
    expect(await refusal()).toMatchObject({ code: "ERR_RELOAD_REFUSED", message: "two cannot" });
    expect(told).toEqual(["one prepares", "two prepares", "one discards"]);
  });

  test("apply all the same when one of them fails though it should not", async () => {
    const faulty: ReloadPart = {
      name: "faulty",
      prepare: () => ({ apply: () => Promise.reject(new Error("a mistake")) }),
    };
    gateway.follow(faulty);
    gateway.follow(part("two", false));
    await gateway.boot();
    const { warnings } = await gateway.reload();
    expect(told.at(-1)).toBe("two applies");
    expect(warnings).toEqual(["faulty: not in effect as it should be: a mistake"]);
    expect(
      logger.records.some(({ message }) => message.includes("could not be put into effect")),
    ).toBe(true);
  });
});

test("a plugin that does not start is told of, and the rest is in effect", async () => {
  await gateway.boot();
  await write({ pool: { size: 2 } });
  const file = join(directory, "plugin.ts");
  await writeFile(file, "export default 1;\n");
  plugins = JSON.stringify({ plugins: [{ name: "p", localPath: file }] });
  const { changed, warnings } = await gateway.reload();
  expect(changed).toEqual(["pools.default.writes.size", "plugins.p"]);
  expect(warnings).toEqual([expect.stringMatching(/^plugin p: it does not run: /)]);
  expect(sizeOf(gateway.config)).toBe(2);
  plugins = JSON.stringify({ plugins: [{ name: "p", localPath: join(directory, "none.ts") }] });
  expect(await refusal()).toMatchObject({
    code: "ERR_RELOAD_REFUSED",
    message: expect.stringContaining("plugin p: there is no file"),
  });
});

test("a ticker of more days than a timer of the runtime takes ticks once, and then waits", async () => {
  await gateway.boot();
  const server = { enableTicker: true, tickInterval: "1000h" };
  const ticks = (): number =>
    logger.records.filter(({ message }) => message === "Active client connections").length;
  // Each of them reads files, and so lets time pass.
  for (let size = 1; size <= 20; size++) {
    await write({ server, pool: { size } });
    await gateway.reload();
  }
  expect(ticks()).toBe(1);
});

test("fifty reloads leave no timer of their own behind", async () => {
  await gateway.boot();
  const ticking = { enableTicker: true, tickInterval: "1h" };
  await gateway.reload();
  const timers = (): number => heapStats().objectTypeCounts["Timeout"] ?? 0;
  Bun.gc(true);
  const before = timers();
  for (let round = 0; round < 25; round++) {
    await write({ groups: ["default", "tenant"], server: ticking });
    await gateway.reload();
    await write({ server: ticking });
    await gateway.reload();
  }
  await write({});
  await gateway.reload();
  const isAsBefore = (): boolean => {
    Bun.gc(true);
    // Two are of the waiting itself.
    return timers() <= before + 2;
  };
  // Connections that the server does not close are waited for.
  await waitFor("timers that nobody needs to be gone", isAsBefore, { deadlineMs: 20_000 });
}, 30_000);
