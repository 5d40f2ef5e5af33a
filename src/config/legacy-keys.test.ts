import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { formatIssue } from "./config-issue.ts";
import { readGlobal, readPlugins } from "./load-config.ts";
import type { GlobalConfig } from "./schema/index.ts";

const FIXTURES = new URL("../../tests/fixtures/config/", import.meta.url);

function load(text: string): { global: GlobalConfig; warnings: string[] } {
  const result = readGlobal(text, "f.yaml", { env: {} });
  if (!result.ok) throw new Error(result.issues.map(formatIssue).join("\n"));
  return { global: result.config.value, warnings: result.config.warnings.map(formatIssue) };
}

const server = (key: string): string => `servers:\n  default:\n    ${key}\n`;

test.each([
  "softLimit: 0",
  "multiCore: True",
  "lockOSThread: False",
  "readBufferCap: 134217728",
  "writeBufferCap: 134217728",
  "socketRecvBuffer: 134217728",
  "socketSendBuffer: 134217728",
  "reuseAddress: True",
  "tcpKeepAlive: 3s",
  "tcpNoDelay: True",
])("the removed server key `%s` is a warning", (line) => {
  const key = line.split(":")[0] ?? "";
  expect(load(server(line)).warnings).toEqual([
    `f.yaml:3:5: servers.default.${key}: was removed from gatewayd and is ignored`,
  ]);
});

test.each([
  ["clients", "receiveBufferSize: 16777216"],
  ["proxies", "elastic: True"],
  ["proxies", "reuseElasticClients: True"],
])("the removed key of %s `%s` is a warning, with blocks and without", (object, line) => {
  const key = line.split(":")[0] ?? "";
  const removed = `${object}.default.writes.${key}: was removed from gatewayd and is ignored`;
  expect(load(`${object}:\n  default:\n    writes:\n      ${line}\n`).warnings).toEqual([
    `f.yaml:4:7: ${removed}`,
  ]);
  expect(load(`${object}:\n  default:\n    ${line}\n`).warnings).toContain(
    `f.yaml:3:5: ${removed}`,
  );
});

test("hardLimit becomes maxConnections", () => {
  const { global, warnings } = load(server("hardLimit: 500"));
  expect(global.servers["default"]?.maxConnections).toBe(500);
  expect(warnings).toEqual([
    "f.yaml:3:5: servers.default.hardLimit: has been replaced by maxConnections",
  ]);
});

test("a hardLimit of 0 was none, and one beside maxConnections gives way", () => {
  expect(load(server("hardLimit: 0")).global.servers["default"]?.maxConnections).toBe(10_000);
  const both = load(server("hardLimit: 5\n    maxConnections: 7"));
  expect(both.global.servers["default"]?.maxConnections).toBe(7);
  expect(both.warnings[0]).toContain("is ignored");
});

test.each([
  ["roundrobin", "ROUND_ROBIN", undefined],
  ["leastconnections", "LEAST_CONNECTIONS", undefined],
  ["sourceaddrhash", "ROUND_ROBIN", true],
] as const)("the old balancer %s becomes %s", (old, strategy, useSourceIp) => {
  const { global, warnings } = load(server(`loadBalancer: ${old}`));
  const balancer = global.servers["default"]?.loadBalancer;
  expect(balancer?.strategy).toBe(strategy);
  expect(balancer?.consistentHash?.useSourceIp).toBe(useSourceIp as boolean);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(`"${old}" is the notation of older versions`);
});

test("reusePort keeps its meaning", () => {
  const { global, warnings } = load(server("reusePort: True"));
  expect(global.servers["default"]?.reusePort).toBe(true);
  expect(warnings).toEqual([]);
});

test("a group without blocks becomes the block writes", () => {
  const { global, warnings } = load(
    "clients:\n  Default:\n    address: db:5432\npools:\n  default:\n    size: 3\n",
  );
  expect(global.clients["default"]?.["writes"]?.address).toBe("db:5432");
  expect(global.pools["default"]?.["writes"]?.size).toBe(3);
  expect(warnings).toHaveLength(2);
});

test("a typing error in a group without blocks is told as such", () => {
  const result = readGlobal("clients:\n  default:\n    adress: db:5432\n", "f.yaml", { env: {} });
  expect(result.ok ? [] : result.issues.map(formatIssue)).toContain(
    'f.yaml:3:5: clients.default.writes.adress: unknown key, did you mean "address"?',
  );
});

test("a whole file of version 0.5.0 loads with a warning for each old key", () => {
  const text = readFileSync(new URL("gatewayd-0.5.0.yaml", FIXTURES), "utf8");
  const { global, warnings } = load(text);
  expect(Object.keys(global.clients["default"] ?? {})).toEqual(["writes"]);
  expect(global.clients["default"]?.["writes"]?.receiveChunkSize).toBe(4096);
  expect(global.pools["default"]?.["writes"]?.size).toBe(20);
  expect(global.servers["default"]).toMatchObject({ maxConnections: 500, reusePort: true });
  expect(warnings).toMatchSnapshot();
});

test.each(["verificationPolicy", "compatibilityPolicy", "acceptancePolicy", "terminationPolicy"])(
  "the removed plugin key %s is a warning",
  (key) => {
    const result = readPlugins(`${key}: strict\n`, "p.yaml", { env: {} });
    expect(result.ok && result.config.warnings.map(formatIssue)).toEqual([
      `p.yaml:1:1: ${key}: was removed from gatewayd and is ignored`,
    ]);
  },
);

test("a plugins file of version 0.5.0 loads with warnings", () => {
  const text = readFileSync(new URL("gatewayd_plugins-0.5.0.yaml", FIXTURES), "utf8");
  const result = readPlugins(text, "p.yaml", { env: {} });
  expect(result.ok && result.config.warnings).toHaveLength(4);
});
