import { expect, test } from "bun:test";
import { formatIssue } from "./config-issue.ts";
import { readGlobal } from "./load-config.ts";

interface Wanted {
  readonly mode?: string;
  readonly pool?: Readonly<Record<string, unknown>>;
  readonly server?: Readonly<Record<string, unknown>>;
}

function issuesOf({ mode = "transaction", pool = {}, server = {} }: Wanted): readonly string[] {
  const text = JSON.stringify({
    clients: { default: { writes: {}, reads: {} } },
    pools: { default: { writes: { mode, ...pool }, reads: { mode } } },
    proxies: { default: { writes: {}, reads: {} } },
    servers: { default: server },
  });
  const result = readGlobal(text, "", { env: {} });
  const issues = result.ok ? result.config.warnings : result.issues;
  return issues.map((issue) => formatIssue({ ...issue, file: "f", line: 0, column: 0 }));
}

const SCRAM = { auth: { method: "scram-sha-256", usersFile: "users.txt" } };
const TLS = { enableTLS: true, certFile: "c.pem", keyFile: "k.pem" };

test.each<[string, Wanted]>([
  ["scram-sha-256 with users", { server: SCRAM }],
  ["trust without users", { server: { auth: { method: "trust" } } }],
  ["every key of a shared pool", { server: SCRAM, pool: { minSize: 2, idleTimeout: "1m" } }],
  ["passthrough", { mode: "passthrough" }],
  [
    "certificates",
    { server: { ...TLS, tlsMode: "verify-ca", clientCAFile: "a.pem", auth: { method: "cert" } } },
  ],
])("%s is right", (_, wanted) => {
  expect(issuesOf(wanted)).toEqual([]);
});

test.each<[string, Wanted, string]>([
  ["without a method", {}, "mode: transaction needs servers.default.auth.method: trust, "],
  ["with relay", { server: { auth: { method: "relay" } } }, "needs servers.default.auth.method"],
  ["without users", { server: { auth: { method: "md5" } } }, "md5 needs a usersFile"],
  ["cert without certificates", { server: { auth: { method: "cert" } } }, "cert needs tlsMode"],
  [
    "beside passthrough",
    { server: SCRAM, pool: { mode: "passthrough" } },
    "writes.mode: passthrough does not go with the pooled modes of the group's other blocks",
  ],
  ["raw", { server: { protocol: "raw" } }, "transaction needs protocol: postgres"],
  ["a minSize above size", { server: SCRAM, pool: { size: 2, minSize: 3 } }, "more than size (2)"],
  ["a method in passthrough", { mode: "passthrough", server: SCRAM }, "needs blocks in a pooled"],
  ["a key without effect", { mode: "passthrough", pool: { minSize: 1 } }, "has no effect in mode"],
])("%s is told", (_, wanted, message) => {
  const issues = issuesOf(wanted);
  expect(issues.filter((issue) => issue.includes(message))).not.toEqual([]);
});
