import { describe, expect, test } from "bun:test";
import { formatIssue } from "./config-issue.ts";
import type { MapNode } from "./config-tree.ts";
import { applyEnvironment } from "./environment-overrides.ts";
import { readGlobal, readPlugins } from "./load-config.ts";
import type { LoadedFile, Loading } from "./loaded-config.ts";
import { parseYaml } from "./parse-yaml.ts";
import { globalSchema, keySpec, type KeySpec, pluginsSchema } from "./schema/index.ts";
import { validateTree } from "./validate-tree.ts";

type Env = Record<string, string>;

const TWO_TENANTS = `
clients:
  default: {writes: {}}
  my_tenant: {main-db: {}, main: {}}
servers:
  default: {}
  my_tenant: {address: 127.0.0.1:2000}
`;

function global(env: Env, text = "") {
  return expectLoaded(readGlobal(text, "f.yaml", { env }));
}

function plugins(env: Env, text = "") {
  return expectLoaded(readPlugins(text, "p.yaml", { env }));
}

function expectLoaded<T>(result: Loading<LoadedFile<T>>): LoadedFile<T> {
  if (!result.ok) throw new Error(result.issues.map(formatIssue).join("\n"));
  return result.config;
}

function errors(env: Env, text = ""): string[] {
  const result = readGlobal(text, "f.yaml", { env });
  return result.ok ? [] : result.issues.map(formatIssue);
}

/** One value of every kind that no key has as its default, as a variable and as it is parsed. */
const SAMPLES: Record<string, readonly [text: string, value: unknown]> = {
  integer: ["13", 13],
  number: ["0.25", 0.25],
  duration: ["1m30s", 90_000],
  size: ["3MiB", 3 * 1024 * 1024],
  mode: ["0640", 0o640],
  text: ["/sample=1:1", "/sample=1:1"],
};

interface Case {
  readonly path: readonly (string | number)[];
  readonly text: string;
  readonly value: unknown;
}

/** A value for every key below `spec`; groups and blocks are default and writes, entries the first. */
function casesOf(spec: KeySpec, path: Case["path"] = []): Case[] {
  switch (spec.kind) {
    case "object":
      return [...spec.keys].flatMap(([key, below]) => casesOf(below, [...path, key]));
    case "named":
      return casesOf(spec.value, [...path, path.length === 1 ? "default" : "writes"]);
    case "list":
      if (spec.item.kind === "object") return casesOf(spec.item, [...path, 0]);
      return casesOf(spec.item, path).map((item) => ({ ...item, value: [item.value] }));
    case "any":
      return [{ path, text: '{"answer": 42}', value: { answer: 42 } }];
    default: {
      const [text, value] = sampleOf(spec, path);
      return [{ path, text, value }];
    }
  }
}

function sampleOf(spec: KeySpec, path: Case["path"]): readonly [text: string, value: unknown] {
  const { scalar = "", choices = [] } = spec.info;
  const other = choices.filter((choice) => choice !== "").at(-1) ?? "";
  if (scalar === "choice") return [other, other];
  if (scalar === "boolean") return spec.defaultValue === true ? ["off", false] : ["Yes", true];
  if (path.at(-1) === "sha256") return ["1".repeat(64), "1".repeat(64)];
  if (String(spec.defaultValue).startsWith("https://")) return ["http://sample", "http://sample"];
  return SAMPLES[scalar] ?? ["", undefined];
}

/** What has to be there so that a list's entry, or a map, lacks nothing. */
const LISTS = {
  global: `
clients: {default: {writes: {startupParams: {user: a, database: b}}}}
pools: {default: {writes: {}}}
proxies: {default: {writes: {}}}
loggers: {default: {}}
metrics: {default: {}}
servers:
  default:
    loadBalancer:
      loadBalancingRules: [{condition: DEFAULT, distribution: [{proxyName: writes, weight: 1}]}]
    routes: [{database: shop, blocks: writes}]
    auth: {userMap: [{certificate: shop, user: shop}], query: {sql: a, user: b, database: c}}
api:
  auth:
    tokens: [{name: a, role: viewer, sha256: "${"0".repeat(64)}"}]
    certificates: [{name: b, role: viewer}]
admin: {console: {users: [{name: a, role: viewer}]}}
raft: {peers: [{id: a, address: "b:1"}]}
`,
  plugins: `
plugins: [{name: some-plugin}]
policies: [{name: p, policy: x}]
rules: [{name: r, terminate: {}, log: {message: m}, rateLimit: {per: user, requests: 1}}]
`,
};

describe.each([
  ["gatewayd.yaml", globalSchema, LISTS.global],
  ["gatewayd_plugins.yaml", pluginsSchema, LISTS.plugins],
] as const)("every key of %s", (_, schema, text) => {
  const spec = keySpec(schema);
  const cases = casesOf(spec);

  test("is among the cases", () => {
    expect(cases.length).toBeGreaterThan(20);
    expect(cases.filter(({ value }) => value === undefined)).toEqual([]);
  });

  test.each(cases.map((one) => [variableOf(one.path), one] as const))("%s", (variable, one) => {
    const { root } = parseYaml(text, "f.yaml");
    const issues = applyEnvironment(root as MapNode, spec, [[variable, one.text]]);
    const { value, issues: faults } = validateTree<typeof schema>(root, schema, spec);
    expect([...issues, ...faults]).toEqual([]);
    expect(valueAt(value, one.path)).toEqual(one.value);
  });
});

function variableOf(path: Case["path"]): string {
  return `GATEWAYD_${path.join("_").toUpperCase()}`;
}

function valueAt(value: unknown, path: Case["path"]): unknown {
  return path.reduce<unknown>((node, step) => (node as Record<string, unknown>)[step], value);
}

test("a variable wins over the file, and its value knows where it came from", () => {
  const { value, origins } = global(
    { GATEWAYD_POOLS_DEFAULT_WRITES_SIZE: "7" },
    "pools: {default: {writes: {size: 3}}}",
  );
  expect(value.pools["default"]?.["writes"]?.size).toBe(7);
  expect(origins.get("pools.default.writes.size")).toEqual({
    kind: "env",
    variable: "GATEWAYD_POOLS_DEFAULT_WRITES_SIZE",
  });
});

test("of names with underscores and dashes the longest that fits is meant", () => {
  const { value } = global(
    {
      GATEWAYD_CLIENTS_MY_TENANT_MAIN_DB_ADDRESS: "one:1",
      GATEWAYD_CLIENTS_MY_TENANT_MAIN_ADDRESS: "two:2",
    },
    TWO_TENANTS,
  );
  expect(value.clients["my_tenant"]?.["main-db"]?.address).toBe("one:1");
  expect(value.clients["my_tenant"]?.["main"]?.address).toBe("two:2");
});

test("a name that is the beginning of another does not hide it", () => {
  const text = "clients: {a: {b: {}, b_address: {}}}\nservers: {a: {}}\n";
  const { value } = global({ GATEWAYD_CLIENTS_A_B_ADDRESS: "one:1" }, text);
  expect(value.clients["a"]?.["b"]?.address).toBe("one:1");
});

test("lists are given between commas, as JSON, or entry by entry", () => {
  const output = (env: Env) => global(env).value.loggers["default"]?.output;
  expect(output({ GATEWAYD_LOGGERS_DEFAULT_OUTPUT: "stdout, stderr" })).toEqual([
    "stdout",
    "stderr",
  ]);
  expect(output({ GATEWAYD_LOGGERS_DEFAULT_OUTPUT: '["stdout"]' })).toEqual(["stdout"]);
  expect(output({ GATEWAYD_LOGGERS_DEFAULT_OUTPUT_0: "stderr" })).toEqual(["stderr"]);
  const peers = global({
    GATEWAYD_RAFT_PEERS: '[{"id": "n2", "address": "h:1", "grpcAddress": "h:2"}]',
  });
  expect(peers.value.raft.peers).toEqual([{ id: "n2", address: "h:1", grpcAddress: "h:2" }]);
});

test("plugins are found by index and by name, and can be added", () => {
  const text = `plugins: [{name: cache, localPath: a.ts}, {name: my-cache, localPath: b.ts}]`;
  const { value } = plugins(
    {
      GATEWAYD_PLUGINS_0_ENABLED: "false",
      GATEWAYD_PLUGINS_MY_CACHE_ARGS: "--a,--b",
      GATEWAYD_PLUGINS_2_NAME: "third",
      GATEWAYD_PLUGINS_2_LOCALPATH: "c.mjs",
    },
    text,
  );
  expect(value.plugins.map(({ name, enabled, args }) => ({ name, enabled, args }))).toEqual([
    { name: "cache", enabled: false, args: [] },
    { name: "my-cache", enabled: true, args: ["--a", "--b"] },
    { name: "third", enabled: true, args: [] },
  ]);
});

test("settings of the server are found by the names the file has, or added", () => {
  const key = "GATEWAYD_CLIENTS_DEFAULT_WRITES_STARTUPPARAMS";
  const { value, warnings } = global(
    {
      [`${key}_SEARCH_PATH`]: "stock, public",
      [`${key}_MY_APP_USER`]: "me",
      [`${key}_STATEMENT_TIMEOUT`]: "5s",
      [`${key}_DATABASE`]: "stock",
      GATEWAYD_SERVERS_DEFAULT_AUTH_METHOD: "trust",
    },
    "clients: {default: {writes: {startupParams: {user: a, database: b, search_path: c, My.App_user: d}}}}",
  );
  expect(warnings).toEqual([]);
  expect(value.clients["default"]?.["writes"]?.startupParams).toEqual({
    user: "a",
    database: "stock",
    search_path: "stock, public",
    "My.App_user": "me",
    statement_timeout: "5s",
  });
});

test("eleven entries can be added in a row, though their names sort otherwise", () => {
  const env = Object.fromEntries(
    Array.from({ length: 11 }, (_, index) => [
      [`GATEWAYD_PLUGINS_${index}_NAME`, `p${index}`],
      [`GATEWAYD_PLUGINS_${index}_LOCALPATH`, "p.ts"],
    ]).flat(),
  );
  expect(plugins(env).value.plugins).toHaveLength(11);
});

test("values are checked like those of the file, and the error names the variable", () => {
  const env = { GATEWAYD_POOLS_DEFAULT_WRITES_SIZE: "many", GATEWAYD_RAFT_PEERS: "[{" };
  expect(errors(env)).toEqual([
    "GATEWAYD_RAFT_PEERS: raft.peers: is not valid JSON",
    'GATEWAYD_POOLS_DEFAULT_WRITES_SIZE: pools.default.writes.size: must be a whole number, not "many"',
  ]);
});

test("cross-checks name the variable too", () => {
  expect(errors({ GATEWAYD_SERVERS_DEFAULT_ENABLETLS: "true" })).toEqual([
    "GATEWAYD_SERVERS_DEFAULT_ENABLETLS: servers.default.enableTLS: needs certFile and keyFile",
  ]);
});

test("an unknown variable is a warning with the nearest one", () => {
  const { warnings } = global({ GATEWAYD_POOLS_DEFAULT_WRITES_SIZ: "3", GATEWAYD_BOGUS: "1" });
  expect(warnings.map(formatIssue)).toEqual([
    "GATEWAYD_BOGUS: stands for no known key",
    "GATEWAYD_POOLS_DEFAULT_WRITES_SIZ: stands for no known key, did you mean GATEWAYD_POOLS_DEFAULT_WRITES_SIZE?",
  ]);
  const unknownPlugin = plugins({ GATEWAYD_PLUGINS_CACHE_ENABLED: "false" }).warnings;
  expect(unknownPlugin.map(({ env }) => env)).toEqual(["GATEWAYD_PLUGINS_CACHE_ENABLED"]);
});

test("a variable of one file is no concern of the other", () => {
  expect(global({ GATEWAYD_TIMEOUT: "3s", GATEWAYD_PLUGINS_X_ENABLED: "1" }).warnings).toEqual([]);
  expect(plugins({ GATEWAYD_API_ENABLED: "no", GATEWAYD_BOGUS: "1" }).warnings).toEqual([]);
});

test("variables that Kubernetes sets for a Service, and the plugins' own, are ignored", () => {
  const service = (name: string): Env => ({
    [`${name}_SERVICE_HOST`]: "10.0.0.1",
    [`${name}_SERVICE_PORT`]: "15432",
    [`${name}_SERVICE_PORT_POSTGRES`]: "15432",
    [`${name}_PORT`]: "tcp://10.0.0.1:15432",
    [`${name}_PORT_15432_TCP`]: "tcp://10.0.0.1:15432",
    [`${name}_PORT_15432_TCP_PROTO`]: "tcp",
    [`${name}_PORT_15432_TCP_PORT`]: "15432",
    [`${name}_PORT_15432_TCP_ADDR`]: "10.0.0.1",
  });
  const env = { ...service("GATEWAYD"), ...service("GATEWAYD_ADMIN"), GATEWAYD_PLUGIN: "5712b87a" };
  expect(global(env).warnings).toEqual([]);
  expect(plugins(env).warnings).toEqual([]);
});

test("other variables are not looked at", () => {
  expect(global({ PATH: "/bin", GATEWAY_POOLS: "x", gatewayd_api_enabled: "no" }).warnings).toEqual(
    [],
  );
});
