import { expect, test } from "bun:test";
import { formatIssue } from "./config-issue.ts";
import { readGlobal } from "./load-config.ts";
import type { GlobalConfig } from "./schema/index.ts";

function load(text: string): GlobalConfig {
  const result = readGlobal(text, "f.yaml", { env: {} });
  if (!result.ok) throw new Error(result.issues.map(formatIssue).join("\n"));
  return result.config.value;
}

/** Groups and their blocks, as `group.block`. */
function names(object: Record<string, Record<string, unknown>>): string[] {
  return Object.entries(object).flatMap(([group, blocks]) =>
    Object.keys(blocks).map((block) => `${group}.${block}`),
  );
}

test.each([
  "",
  "# nothing\n",
  "---\n",
  "{}",
  "clients:\n",
  "pools: {default: {writes: {size: 3}}}",
])("%p gives the group default with the block writes", (text) => {
  const config = load(text);
  expect(names(config.clients)).toEqual(["default.writes"]);
  expect(names(config.pools)).toEqual(["default.writes"]);
  expect(names(config.proxies)).toEqual(["default.writes"]);
  expect(Object.keys(config.servers)).toEqual(["default"]);
  expect(config.clients["default"]?.["writes"]?.address).toBe("localhost:5432");
});

test("the default group and block are not invented beside named ones", () => {
  const config = load("clients: {tenant: {main: {address: db:5432}}}");
  expect(names(config.clients)).toEqual(["tenant.main"]);
  expect(names(config.pools)).toEqual(["tenant.main"]);
  expect(names(config.proxies)).toEqual(["tenant.main"]);
  expect(Object.keys(config.servers)).toEqual(["tenant"]);
  expect(load("clients: {default: {reads: {}}}").clients["default"]).not.toHaveProperty("writes");
});

test("what is named for some blocks is filled in for the others", () => {
  const config = load(`
clients: {a: {x: {}, y: {}}, b: {z: {}}}
pools: {a: {y: {size: 3}}}
servers: {b: {address: "127.0.0.1:2000"}}
`);
  expect(config.pools["a"]?.["x"]?.size).toBe(10);
  expect(config.pools["a"]?.["y"]?.size).toBe(3);
  expect(config.pools["b"]?.["z"]?.size).toBe(10);
  expect(config.servers["a"]?.address).toEqual(["0.0.0.0:15432"]);
  expect(Object.keys(config.loggers).sort()).toEqual(["a", "b", "default"]);
  expect(Object.keys(config.metrics)).toEqual(["default"]);
});

test("blocks keep the order of the file", () => {
  expect(names(load("clients: {default: {z: {}, a: {}, m: {}}}").clients)).toEqual([
    "default.z",
    "default.a",
    "default.m",
  ]);
});

test("names are lower-cased in every section", () => {
  const config = load("clients: {Tenant: {MAIN: {}}}\npools: {tenant: {main: {size: 3}}}");
  expect(names(config.clients)).toEqual(["tenant.main"]);
  expect(config.pools["tenant"]?.["main"]?.size).toBe(3);
});

test.each([
  ["clients: {default: }", "1:11: clients.default: is empty"],
  ["clients: {default: {}}", "1:11: clients.default: has no blocks"],
  ["servers: {default: }", "servers.default: is empty; write {} to take all defaults"],
  ["clients: {default: {a: }}", "clients.default.a: is empty; write {} to take all defaults"],
  ["clients: {a: {x: {}}, A: {x: {}}}", 'clients.A: the name "a" is given twice'],
])("%p is an error", (text, expected) => {
  const result = readGlobal(text, "f.yaml", { env: {} });
  expect(result.ok ? "" : result.issues.map(formatIssue).join("\n")).toContain(expected);
});
