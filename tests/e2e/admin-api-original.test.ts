/** GatewayD's own admin API, as its tools call it: by REST, and by gRPC from a program in Go. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { goAdminClient, goRecorder, testGo } from "../fixtures/plugins/built-plugins.ts";
import type { BuiltPlugin } from "../fixtures/plugins/built-plugins.ts";
import {
  connectWire,
  type GatewaydProcess,
  type PostgresServer,
  runToEnd,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { adminConfig, type Doors, doorsOf, OPEN_POOL, rest, V1 } from "./admin-doors.ts";

const CAPTURES = join(import.meta.dir, "..", "fixtures", "gatewayd-0.10.3", "admin-api");

const CALLS = [
  ["Version", `${V1}/Version`, false],
  ["GetGlobalConfig", `${V1}/GetGlobalConfig`, false],
  ["GetPluginConfig", `${V1}/GetPluginConfig`, true],
  ["GetPlugins", `${V1}/GetPlugins`, true],
  ["GetPools", `${V1}/GetPools`, false],
  ["GetProxies", `${V1}/GetProxies`, false],
  ["GetServers", `${V1}/GetServers`, false],
  ["GetPeers", "/v1/raft/peers", false],
] as const;

/** In the environment of the plugin, which tells of it in its own settings. */
const URL_WITH_PASSWORD = "redis://cache:marmalade@127.0.0.1:6379";

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function captured(name: string): Promise<unknown> {
  return JSON.parse(await readFile(join(CAPTURES, `${name}.json`), "utf8"));
}

/** The names of all keys, lists and maps by their first entry, to compare shapes. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, child]) => [key, shapeOf(child)]),
  );
}

/** As the captured ones were configured: one plugin, two connections, nobody connected. */
describe("every call", () => {
  let gatewayd: GatewaydProcess;
  let doors: Doors;
  let recorder: BuiltPlugin | undefined;
  let client: BuiltPlugin | undefined;

  beforeAll(async () => {
    [recorder, client] = await Promise.all([goRecorder(), goAdminClient()]);
    const env = [`METRICS_UNIX_DOMAIN_SOCKET=${URL_WITH_PASSWORD}`];
    const plugins = recorder === undefined ? [] : [{ ...recorder, name: "recorder", env }];
    gatewayd = await startGatewayd({
      config: adminConfig(postgres.address, { pool: { size: 2 } }),
      plugins: JSON.stringify({ plugins }),
    });
    doors = doorsOf(gatewayd);
  }, 300_000);

  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
  });

  const call = async (method: string, request = "{}"): Promise<unknown> => {
    const service = "api.v1.GatewayDAdminAPIService";
    const command = [client?.localPath ?? "", doors.grpc, "", service, method, request] as const;
    const { code, stdout, stderr } = await runToEnd(command);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return JSON.parse(stdout);
  };

  const shapeOfCaptured = async (name: string): Promise<unknown> =>
    shapeOf(withoutSettings(await captured(name)));

  for (const [name, path, isOfPlugins] of CALLS) {
    (isOfPlugins ? testGo : test)(`${name} is answered in the original's shape`, async () => {
      const { status, body } = await rest(doors, path);
      expect(status).toBe(200);
      expect(shapeOf(withoutSettings(body))).toEqual(await shapeOfCaptured(name));
    });
  }

  testGo("all are answered to a client in Go", async () => {
    for (const [name] of CALLS) {
      const answered = await call(name);
      expect(answered).toMatchObject({ health: "SERVING", code: "OK" });
      expect(shapeOf(withoutSettings(answered))).toMatchObject({
        response: await shapeOfCaptured(name),
      });
    }
  });

  testGo("what there is not is told of as gRPC has it", async () => {
    expect(await call("GetGlobalConfig", '{"groupName":"default"}')).toMatchObject({
      response: { servers: { default: {} }, pools: { default: {} } },
    });
    expect(await call("GetGlobalConfig", '{"groupName":"none"}')).toMatchObject({
      code: "NotFound",
      message: "group not found",
    });
    const peer = '{"peerId":"node2","address":"a:1","grpcAddress":"a:2"}';
    expect(await call("AddPeer", peer)).toMatchObject({ code: "Unimplemented" });
    expect(await call("RemovePeer", '{"peerId":"node2"}')).toMatchObject({ code: "Unimplemented" });
    const body = { method: "POST", body: peer };
    expect(await rest(doors, "/v1/raft/peers", body)).toMatchObject({
      status: 501,
      body: { code: 12, message: expect.any(String), details: [] },
    });
  });

  testGo("secrets are hidden, and their names are there", async () => {
    const { body: config } = await rest(doors, `${V1}/GetPluginConfig`);
    expect(config).toMatchObject({ plugins: [{ env: ["METRICS_UNIX_DOMAIN_SOCKET=***"] }] });
    const { body: plugins } = await rest(doors, `${V1}/GetPlugins`);
    expect(plugins).toMatchObject({
      configs: [{ config: { metricsUnixDomainSocket: "redis://cache:***@127.0.0.1:6379" } }],
    });
  });
});

/** What a plugin says of itself differs from plugin to plugin. */
function withoutSettings(answer: unknown): unknown {
  return JSON.parse(JSON.stringify(answer), (key, value: unknown) => {
    if (key === "config") return {};
    return key === "tags" || key === "categories" ? [] : value;
  });
}

test("every connected client is listed as busy, an idle one too", async () => {
  await using gatewayd = await startGatewayd({ config: adminConfig(postgres.address, OPEN_POOL) });
  const doors = doorsOf(gatewayd);
  await using client = await connectWire(gatewayd);
  await client.login({ user: "postgres", database: "postgres" });
  await client.value("select 1");
  await waitFor("the server connection to be idle", async () => {
    const { body } = await rest(doors, `${V1}/GetPools`);
    return Bun.deepEquals(body, { default: { writes: { cap: 2, size: 1 } } });
  });
  await using quiet = await connectWire(gatewayd);
  await quiet.login({ user: "postgres", database: "postgres" });
  await using silent = await connectWire(gatewayd);
  const busy = [client, quiet, silent].map(({ localAddress }) => localAddress);
  const proxies = async () => (await rest(doors, `${V1}/GetProxies`)).body;
  await waitFor("all three", proxies, {
    until: (body) => JSON.stringify(body).includes(silent.localAddress),
  });
  expect(await proxies()).toEqual({
    default: {
      writes: {
        available: [expect.stringMatching(/^127\.0\.0\.1:\d+$/)],
        busy,
        total: 4,
      },
    },
  });
  await gatewayd.stop();
});
