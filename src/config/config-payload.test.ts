import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { formatIssue } from "./config-issue.ts";
import { configPayload, flattenPayload } from "./config-payload.ts";
import { readGlobal } from "./load-config.ts";

const FIXTURES = new URL("../../tests/fixtures/config/", import.meta.url);

function payload(text: string): Record<string, unknown> {
  const result = readGlobal(text, "f.yaml", { env: {} });
  if (!result.ok) throw new Error(result.issues.map(formatIssue).join("\n"));
  return configPayload({ global: result.config.value, origins: result.config.origins });
}

test("hooks get what the original hands out under the same configuration", () => {
  const text = readFileSync(new URL("on-config-loaded-0.10.3.yaml", FIXTURES), "utf8");
  const expected: unknown = JSON.parse(
    readFileSync(new URL("on-config-loaded-0.10.3.json", FIXTURES), "utf8"),
  );
  expect(flattenPayload(payload(text))).toEqual(expected as Record<string, unknown>);
});

test("newer keys are handed out once somebody gives them", () => {
  const text = `
servers:
  default:
    address: ["127.0.0.1:1", /run/gatewayd]
    maxConnections: 10000
    socketMode: 0770
    idleTimeout: 1ms
    auth: {method: relay}
    loadBalancer: {consistentHash: {maxEntries: 5}}
`;
  const flat = flattenPayload(payload(text));
  expect(flat).toMatchObject({
    "servers.default.address": ["127.0.0.1:1", "/run/gatewayd"],
    "servers.default.maxConnections": 10_000,
    "servers.default.socketMode": "0770",
    "servers.default.idleTimeout": 1_000_000,
    "servers.default.auth.method": "relay",
    "servers.default.loadBalancer.consistentHash.maxEntries": 5,
    "servers.default.loadBalancer.consistentHash.useSourceIp": true,
  });
  expect(flat).not.toHaveProperty(["servers.default.protocol"]);
  expect(flat).not.toHaveProperty(["pools.default.writes.mode"]);
});

test("a login to the server is handed out without its password", () => {
  const text = `
clients:
  default:
    writes:
      startupParams: {user: shared, password: s3cret, database: shop, search_path: stock}
pools: {default: {writes: {mode: session}}}
servers: {default: {auth: {method: trust}}}
`;
  expect(payload(text)["clients"]).toMatchObject({
    default: {
      writes: {
        startupParams: { user: "shared", password: "***", database: "shop", search_path: "stock" },
      },
    },
  });
});

test("lists of maps stay lists", () => {
  const text = `raft: {peers: [{id: n2, address: "h:1", grpcAddress: "h:2"}]}`;
  expect(flattenPayload(payload(text))["raft.peers"]).toEqual([
    { id: "n2", address: "h:1", grpcAddress: "h:2" },
  ]);
});
