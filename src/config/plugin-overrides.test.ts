import { expect, test } from "bun:test";
import { formatIssue } from "./config-issue.ts";
import { describeEffectiveConfig } from "./effective-config.ts";
import { readGlobal, readPlugins } from "./load-config.ts";
import type { ConfigOverride } from "./plugin-overrides.ts";

const TEXT = `
clients: {default: {writes: {address: "db:5432", dialTimeout: 90s}}}
pools: {default: {writes: {size: 5}}}
servers: {default: {address: "0.0.0.0:15432"}}
`;

function load(...overrides: ConfigOverride[]) {
  const env = { GATEWAYD_POOLS_DEFAULT_WRITES_SIZE: "7" };
  return readGlobal(TEXT, "gatewayd.yaml", { env, overrides });
}

function valid(...overrides: ConfigOverride[]) {
  const result = load(...overrides);
  if (!result.ok) throw new Error(result.issues.map(formatIssue).join("\n"));
  return result.config;
}

function issues(values: ConfigOverride["values"]): readonly string[] {
  const result = load({ plugin: "p", values });
  return (result.ok ? result.config.warnings : result.issues).map(formatIssue);
}

test("values of plugins stand before those of the environment and the file, the last one first", () => {
  const { value } = valid(
    { plugin: "a", values: { "pools.default.writes.size": 8, "loggers.default.level": "warn" } },
    { plugin: "b", values: { "pools.default.writes.size": "9" } },
  );
  expect(value.pools["default"]?.["writes"]?.size).toBe(9);
  expect(value.loggers["default"]?.level).toBe("warn");
  expect(value.clients["default"]?.["writes"]?.dialTimeout).toBe(90_000);
});

test("durations are nanoseconds, as hooks have them, or written as in a file", () => {
  const { value } = valid({
    plugin: "a",
    values: {
      "clients.default.writes.dialTimeout": 60_000_000_000,
      "clients.default.writes.receiveTimeout": "1m30s",
      "servers.default.enableTicker": true,
      "servers.default.address": ["127.0.0.1:1", "127.0.0.1:2"],
    },
  });
  const writes = value.clients["default"]?.["writes"];
  expect([writes?.dialTimeout, writes?.receiveTimeout]).toEqual([60_000, 90_000]);
  expect(value.servers["default"]?.enableTicker).toBe(true);
  expect(value.servers["default"]?.address).toEqual(["127.0.0.1:1", "127.0.0.1:2"]);
});

test("a block that a plugin adds has all that belongs to one, and names are lower-cased", () => {
  const { value } = valid({
    plugin: "a",
    values: {
      "clients.Second.Reads.address": "other:5432",
      "servers.second.address": "0.0.0.0:15433",
    },
  });
  expect(value.clients["second"]?.["reads"]?.address).toBe("other:5432");
  expect(value.pools["second"]?.["reads"]?.size).toBe(10);
  expect(value.servers["second"]).toBeDefined();
});

test("names of settings may have dots", () => {
  const { value } = valid({
    plugin: "a",
    values: {
      "clients.default.writes.startupParams.user": "shared",
      "clients.default.writes.startupParams.database": "shop",
      "clients.default.writes.startupParams.myapp.tenant": "7",
      "pools.default.writes.mode": "session",
      "servers.default.auth.method": "trust",
    },
  });
  expect(value.clients["default"]?.["writes"]?.startupParams).toMatchObject({
    user: "shared",
    "myapp.tenant": "7",
  });
});

test("older notations are read, with a warning that names the plugin", () => {
  expect(issues({ "servers.default.loadBalancer": "roundrobin" })).toEqual([
    'plugin p: servers.default.loadBalancer: "roundrobin" is the notation of older versions: read as strategy ROUND_ROBIN',
  ]);
});

test.each([
  [
    { "pools.default.writes.sise": 3 },
    'pools.default.writes.sise: unknown key, did you mean "size"?',
  ],
  [{ "pools.default.writes.size": -1 }, "pools.default.writes.size: must be at least 1"],
  [{ "pools.default.writes.size": {} }, "pools.default.writes.size: must be a single value"],
  [{ "pools.default.other.size": 1 }, "pools.default.other: is not among the clients"],
])("%j is an error as in a file", (values, message) => {
  expect(issues(values)).toContain(`plugin p: ${message}`);
});

test("what is shown names the plugin beside its values, and hides secrets", () => {
  const global = valid({
    plugin: "tuner",
    values: {
      "pools.default.writes.size": 8,
      "pools.default.writes.mode": "session",
      "servers.default.auth.method": "trust",
      "clients.default.writes.startupParams": {
        user: "u",
        password: "s3cret",
        database: "shop",
      },
    },
  });
  const plugins = readPlugins("", "", { env: {} });
  if (!plugins.ok) throw new Error("the defaults are not valid");
  const shown = describeEffectiveConfig({
    global: global.value,
    plugins: plugins.config.value,
    warnings: [],
    globalPath: global.path,
    pluginsPath: undefined,
    origins: global.origins,
    secretPaths: global.secretPaths,
  });
  expect(shown).toContain("size: 8 # plugin tuner");
  expect(shown).toContain('password: "***" # plugin tuner');
  expect(shown).not.toContain("s3cret");
});
