import { expect, test } from "bun:test";
import { formatIssue } from "./config-issue.ts";
import { shownPayload } from "./config-payload.ts";
import { describeEffectiveConfig, effectiveSettings } from "./effective-config.ts";
import { readGlobal, readPlugins } from "./load-config.ts";
import type { LoadedConfig } from "./loaded-config.ts";

function load(
  globalText: string,
  pluginsText: string,
  env: Record<string, string> = {},
): LoadedConfig {
  const global = readGlobal(globalText, "gatewayd.yaml", { env });
  const plugins = readPlugins(pluginsText, "gatewayd_plugins.yaml", { env });
  if (!global.ok || !plugins.ok) {
    const issues = [global, plugins].flatMap((part) => (part.ok ? [] : part.issues));
    throw new Error(issues.map(formatIssue).join("\n"));
  }
  const [first, second] = [global.config, plugins.config];
  return {
    global: first.value,
    plugins: second.value,
    warnings: [],
    globalPath: first.path,
    pluginsPath: second.path,
    origins: new Map([...first.origins, ...second.origins]),
    secretPaths: new Set([...first.secretPaths, ...second.secretPaths]),
  };
}

const TEXT = `
clients:
  default:
    writes:
      address: \${DB_HOST}:5432
      dialTimeout: 90s
servers:
  default:
    address: ["0.0.0.0:15432", "[::1]:15432"]
    socketMode: 0700
    loadBalancer:
      strategy: WEIGHTED_ROUND_ROBIN
      loadBalancingRules:
        - condition: DEFAULT
          distribution:
            - {proxyName: writes, weight: 70}
`;

const PLUGINS = `
policies:
  - {name: terminate, policy: "Name == ' # not a comment'", metadata: {limit: 5}}
plugins:
  - name: one
    localPath: one.ts
    env: [PASSWORD=secret, USER=me]
`;

const ENV = { DB_HOST: "secret.example.com", GATEWAYD_POOLS_DEFAULT_WRITES_SIZE: "7" };

test("each value stands beside its origin", () => {
  const lines = describeEffectiveConfig(load(TEXT, PLUGINS, ENV))
    .split("\n")
    .map((line) => line.trim());
  expect(lines).toContain("dialTimeout: 1m30s # gatewayd.yaml:6");
  expect(lines).toContain("size: 7 # env GATEWAYD_POOLS_DEFAULT_WRITES_SIZE");
  expect(lines).toContain("retries: 3 # default");
  expect(lines).toContain('socketMode: "0700" # gatewayd.yaml:10');
  expect(lines).toContain("maxMessageBytes: 1GiB # default");
  expect(lines).toContain('address: [0.0.0.0:15432, "[::1]:15432"] # gatewayd.yaml:9');
  expect(lines).toContain("- condition: DEFAULT # gatewayd.yaml:14");
  expect(lines).toContain("weight: 70 # gatewayd.yaml:16");
});

test("secrets are hidden", () => {
  const text = describeEffectiveConfig(load(TEXT, PLUGINS, ENV));
  expect(text).not.toContain("secret.example.com");
  expect(text).not.toContain("PASSWORD=secret");
  expect(text).toContain('address: "***" # gatewayd.yaml:5');
  expect(text).toContain('env: ["PASSWORD=***", "USER=***"] # gatewayd_plugins.yaml:7');
});

test("of a login to the server the password is hidden, and settings are shown", () => {
  const text = `
clients:
  default:
    writes:
      startupParams: {user: shared, password: s3cret, database: shop, search_path: stock}
pools: {default: {writes: {mode: session}}}
servers: {default: {auth: {method: trust}}}
`;
  const shown = describeEffectiveConfig(load(text, PLUGINS));
  expect(shown).not.toContain("s3cret");
  expect(shown).toContain('password: "***" # gatewayd.yaml:5');
  expect(shown).toContain("search_path: stock # gatewayd.yaml:5");
});

test("what nobody has called a secret is hidden where it is one by its look", () => {
  const plugins = `
actionRedis: {address: "rediss://user:marmalade@127.0.0.1:6379"}
plugins:
  - name: one
    localPath: one.ts
    args: ["--dsn=postgres://me:marmalade@db/x"]
    config: {password: marmalade, keyPrefix: shop, url: "redis://a:marmalade@b"}
  - name: two
    localPath: two.ts
    config: {limit: 5, sub: {name: "\${SECRET}"}}
`;
  const api = `api: {auth: {tokens: [{name: ops, role: admin, sha256: ${"0".repeat(64)}}]}}`;
  const config = load(api, plugins, { SECRET: "marmalade" });
  const { global, plugins: shownPlugins } = shownPayload(config);
  const shown = [
    describeEffectiveConfig(config),
    JSON.stringify(effectiveSettings(config)),
    JSON.stringify({ global, shownPlugins }),
  ];
  for (const text of shown) {
    expect(text).not.toContain("marmalade");
    expect(text).not.toContain("0".repeat(64));
    expect(text).toContain("rediss://user:***@127.0.0.1:6379");
    expect(text).toContain("shop");
  }
  // Names stay, where somebody looks for them.
  expect(shownPlugins).toMatchObject({
    actionRedis: { address: "rediss://user:***@127.0.0.1:6379" },
    plugins: [
      {
        args: ["--dsn=postgres://me:***@db/x"],
        config: { password: "***", keyPrefix: "shop", url: "redis://a:***@b" },
      },
      { config: { limit: "***", sub: { name: "***" } } },
    ],
  });
});

test("what is shown can be read again and means the same", () => {
  const env = { GATEWAYD_POOLS_DEFAULT_WRITES_SIZE: "7" };
  const config = load(TEXT.replace("${DB_HOST}", "db"), PLUGINS, env);
  const [globalText = "", pluginsText = ""] = describeEffectiveConfig(config).split("---\n");
  const again = load(globalText, pluginsText);
  expect(again.global).toEqual(config.global);
  expect(again.plugins.policies).toEqual(config.plugins.policies);
});
