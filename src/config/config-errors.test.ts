import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { formatIssue } from "./config-issue.ts";
import { readGlobal, readPlugins } from "./load-config.ts";

const FIXTURES = new URL("../../tests/fixtures/config/", import.meta.url);

function fixture(name: string): string {
  return readFileSync(new URL(name, FIXTURES), "utf8");
}

test("every mistake of a gatewayd.yaml is told at once, with its place", () => {
  const result = readGlobal(fixture("faulty.yaml"), "faulty.yaml", { env: {} });
  const issues = result.ok ? [] : result.issues;
  expect(issues.map((issue) => `${issue.severity}: ${formatIssue(issue)}`)).toMatchSnapshot();
  expect(issues.filter(({ line, column }) => line === undefined || column === undefined)).toEqual(
    [],
  );
});

test("every mistake of a gatewayd_plugins.yaml is told at once, with its place", () => {
  const result = readPlugins(fixture("faulty_plugins.yaml"), "faulty_plugins.yaml", { env: {} });
  const issues = result.ok ? [] : result.issues;
  expect(issues.map((issue) => `${issue.severity}: ${formatIssue(issue)}`)).toMatchSnapshot();
});

/** A group of two blocks in a mode, and what it has beside. */
function groupOf(mode: string, server: object, more: object = {}): string {
  const pools = { writes: { mode }, reads: { mode } };
  return JSON.stringify({
    clients: { default: { writes: {}, reads: {} } },
    pools: { default: pools },
    proxies: { default: { writes: {}, reads: {} } },
    servers: { default: server },
    ...more,
  });
}

const SCRAM = { method: "scram-sha-256", usersFile: "users.yaml" };
const MIXED = { pools: { default: { writes: { mode: "session" }, reads: {} } } };

test("mistakes of modes and logins have messages of their own", () => {
  const mistakes = {
    "a pooled block without a method": groupOf("transaction", {}),
    "a pooled block with relay": groupOf("transaction", { auth: { method: "relay" } }),
    "pooled beside passthrough": groupOf("", { auth: SCRAM }, MIXED),
    "raw with a pooled mode": groupOf("transaction", { protocol: "raw" }),
    "raw with a login at the gateway": groupOf("passthrough", { protocol: "raw", auth: SCRAM }),
    "a login at the gateway in passthrough": groupOf("passthrough", { auth: SCRAM }),
    "a method without users": groupOf("session", { auth: { method: "md5" } }),
    "users with relay": groupOf("passthrough", { auth: { usersFile: "users.yaml" } }),
    "a query with relay": groupOf("passthrough", {
      auth: { query: { sql: "$1", user: "u", database: "d", block: "writes" } },
    }),
    "a query of nowhere about nobody": groupOf("session", {
      auth: { method: "md5", query: { sql: "x", user: "u", database: "d" } },
    }),
    "cert without certificates": groupOf("session", { auth: { method: "cert" } }),
    "cleartext without TLS": groupOf("session", { auth: { ...SCRAM, method: "cleartext" } }),
    "caps with relay": groupOf("passthrough", { auth: { maxConnectionsPerUser: 1 } }),
  };
  const told = Object.entries(mistakes).map(([what, text]) => {
    const result = readGlobal(text, "f", { env: {} });
    const issues = result.ok ? [] : result.issues;
    const errors = issues.filter(({ severity }) => severity === "error");
    return [what, errors.map(({ path, message }) => `${path}: ${message}`)] as const;
  });
  expect(Object.fromEntries(told)).toMatchSnapshot();
  const firsts = told.map(([, [first]]) => first);
  expect(firsts).not.toContain(undefined);
  expect(new Set(firsts).size).toBe(firsts.length);
});

const SHA256 = "0".repeat(64);
const TOKEN = { name: "ops", role: "admin", sha256: SHA256 };

test.each([
  ["an open door", { httpAddress: "0.0.0.0:80" }, "error: api.httpAddress: other machines reach"],
  ["an open gRPC door", { grpcAddress: ":90" }, "error: api.grpcAddress: other machines reach"],
  ["the shipped addresses", { httpAddress: "0.0.0.0:18080" }, "warning: api.httpAddress: everyb"],
  [
    "a door open on purpose",
    { httpAddress: ":80", allowUnauthenticated: true },
    "warning: api.htt",
  ],
  [
    "tokens in clear text",
    { httpAddress: ":80", auth: { tokens: [TOKEN] } },
    "warning: api.httpAddress: other machines reach it, and without certFile",
  ],
  ["nobody let in", { auth: {} }, "error: api.auth: lets nobody in"],
  [
    "certificates that cannot be checked",
    { auth: { certificates: [{ name: "a", role: "viewer" }] } },
    "error: api.auth.certificates: needs clientCAFile",
  ],
  ["a name twice", { auth: { tokens: [TOKEN, TOKEN] } }, 'error: api.auth: "ops" is named twice'],
  [
    "a token in place of its hash",
    { auth: { tokens: [{ ...TOKEN, sha256: "secret" }] } },
    "error: api.auth.tokens.0.sha256: must be 64 hexadecimal digits",
  ],
  ["half a pair", { certFile: "a.pem" }, "error: api.certFile: needs keyFile"],
])("the admin API with %s is told of", (_, api, expected) => {
  const result = readGlobal(groupOf("passthrough", {}, { api }), "f.yaml", { env: {} });
  const issues = result.ok ? result.config.warnings : result.issues;
  const told = issues.map(({ severity, path, message }) => `${severity}: ${path}: ${message}`);
  expect(told.filter((issue) => issue.startsWith(expected))).toHaveLength(1);
});

test.each([
  ["a: [1", "f.yaml:1:"],
  ["just text", "f.yaml:1:1: must be a map of keys"],
  ["- a list", "f.yaml:1:1: must be a map of keys"],
  [
    "clients:\n  default:\n    writes: text\n",
    "f.yaml:3:13: clients.default.writes: must be a map of keys",
  ],
  ["servers: {default: {address: {a: 1}}}", "f.yaml:1:30: servers.default.address: must be a list"],
  [
    "servers: {default: {network: [tcp]}}",
    "f.yaml:1:30: servers.default.network: must be a single value",
  ],
])("the file %p is an error", (text, expected) => {
  const result = readGlobal(text, "f.yaml", { env: {} });
  expect(result.ok ? "" : result.issues.map(formatIssue).join("\n")).toContain(expected);
});

test("an issue is written with as much of its place as is known", () => {
  const about = { severity: "error", path: "a.b", message: "is wrong" } as const;
  expect(formatIssue({ ...about, file: "f.yaml", line: 2, column: 3 })).toBe(
    "f.yaml:2:3: a.b: is wrong",
  );
  expect(formatIssue({ ...about, env: "GATEWAYD_A_B" })).toBe("GATEWAYD_A_B: a.b: is wrong");
  expect(formatIssue(about)).toBe("a.b: is wrong");
  expect(formatIssue({ severity: "error", path: "", message: "is wrong" })).toBe("is wrong");
});

const VERIFIER = `SCRAM-SHA-256$4096:${btoa("salt")}$${btoa("1".repeat(32))}:${btoa("2".repeat(32))}`;
const OPERATOR = { name: "ann", role: "operator", verifier: VERIFIER };
const ROUTED = { auth: SCRAM, routes: [{ database: "gatewayd", blocks: ["writes", "reads"] }] };

test.each([
  [
    "who cannot log in",
    {},
    { users: [{ name: "ann", role: "viewer" }] },
    "error: admin.console.users.0: cannot log in",
  ],
  [
    "a password in place of a verifier",
    {},
    { users: [{ ...OPERATOR, verifier: "secret" }] },
    "error: admin.console.users.0.verifier: must be SCRAM-SHA-256$",
  ],
  [
    "an unknown role",
    {},
    { users: [{ ...OPERATOR, role: "king" }] },
    "error: admin.console.users.0.role: must be one of viewer, operator, admin",
  ],
  [
    "a name twice",
    {},
    { users: [OPERATOR, OPERATOR] },
    'error: admin.console.users.1.name: "ann" is named twice',
  ],
  ["no name of its own", {}, { names: [] }, "error: admin.console.names: must not be empty"],
  [
    "the name of a routed database",
    ROUTED,
    { users: [OPERATOR] },
    'error: admin.console.names: "gatewayd" is a database of the group default',
  ],
  [
    "the name of a routed database, for the own system user",
    { ...ROUTED, address: "/run/gatewayd" },
    {},
    'warning: admin.console.names: "gatewayd" is',
  ],
  [
    "certificates that nobody asks for",
    {},
    { users: [{ name: "ann", role: "viewer", certificate: "ann" }] },
    "warning: admin.console.users.0.certificate: has no effect",
  ],
  [
    "users of a console that is off",
    {},
    { enabled: false, users: [OPERATOR] },
    "warning: admin.console.users: have no effect without enabled",
  ],
  [
    "users where all is raw",
    { protocol: "raw" },
    { users: [OPERATOR] },
    "warning: admin.console.users: have no effect: no server",
  ],
])("the console with %s is told of", (_, server, console, expected) => {
  const mode = "auth" in server ? "transaction" : "passthrough";
  const text = groupOf(mode, server, { admin: { console } });
  const result = readGlobal(text, "f.yaml", { env: {} });
  const issues = result.ok ? result.config.warnings : result.issues;
  const told = issues.map(({ severity, path, message }) => `${severity}: ${path}: ${message}`);
  expect(told.filter((issue) => issue.startsWith(expected))).toHaveLength(1);
});

test("what the verifier of a console's user is stays hidden", () => {
  const text = groupOf("passthrough", {}, { admin: { console: { users: [OPERATOR] } } });
  const result = readGlobal(text, "f.yaml", { env: {} });
  expect(result.ok && result.config.value.admin?.console.users).toMatchObject([OPERATOR]);
  expect(result.ok && JSON.stringify(result.config.warnings)).not.toContain("SCRAM-SHA-256");
});

test.each([
  ["-1", "must be at least 0"],
  ["10001", "must be at most 10000"],
  ["many", 'must be a whole number, not "many"'],
])("so many statements, %s, cannot be counted", (statements, problem) => {
  const text = JSON.stringify({ metrics: { default: { statements } } });
  const result = readGlobal(text, "f", { env: {} });
  const issues = result.ok ? [] : result.issues;
  const [told = ""] = issues.map(formatIssue).filter((one) => one.includes("statements"));
  expect(told).toContain(`metrics.default.statements: ${problem}`);
});
