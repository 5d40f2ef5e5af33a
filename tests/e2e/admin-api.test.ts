/** The admin API of the executable by gRPC and REST: who may do what, and what is told of it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import http2 from "node:http2";
import { join } from "node:path";
import { getOption } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import * as z from "zod";
import { GatewayDAdminAPIService } from "../../src/admin/gen/api/v1/api_pb.ts";
import { AdminService } from "../../src/admin/gen/gatewayd/admin/v1/admin_pb.ts";
import { http } from "../../src/admin/gen/google/api/annotations_pb.ts";
import { ServerReflection } from "../../src/admin/gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { testGo, goAdminClient } from "../fixtures/plugins/built-plugins.ts";
import type { BuiltPlugin } from "../fixtures/plugins/built-plugins.ts";
import {
  type GatewaydProcess,
  connectWire,
  type PostgresServer,
  runToEnd,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { adminConfig, type Doors, doorsOf, OPEN_POOL, rest, V1, withToken } from "./admin-doors.ts";

const FIXTURES = join(import.meta.dir, "..", "fixtures");

const TOKENS = {
  viewer: "viewer-token",
  operator: "operator-token",
  admin: "admin-token",
} as const;

const openApiSchema = z.object({
  openapi: z.string(),
  paths: z.record(z.string(), z.record(z.string(), z.object({ description: z.string() }))),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});

/** What a stream of one is made of. */
async function* justOne<T>(value: T): AsyncGenerator<T> {
  yield value;
}

let postgres: PostgresServer;
let goClient: BuiltPlugin | undefined;

beforeAll(async () => {
  [postgres, goClient] = await Promise.all([startPostgres(), goAdminClient()]);
}, 300_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

function configWith(api: Readonly<Record<string, unknown>>): string {
  return adminConfig(postgres.address, { ...OPEN_POOL, api });
}

const withTokens = {
  auth: {
    tokens: Object.entries(TOKENS).map(([role, token]) => withToken(token, `the ${role}`, role)),
  },
};

describe("who may do what", () => {
  let gatewayd: GatewaydProcess;
  let doors: Doors;

  beforeAll(async () => {
    gatewayd = await startGatewayd({ config: configWith(withTokens) });
    doors = doorsOf(gatewayd);
  });

  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
  });

  test("nobody without a token learns more than that the gateway serves", async () => {
    for (const path of ["/livez", "/readyz", "/healthz"]) {
      expect(await rest(doors, path)).toEqual({ status: 200, body: { status: "SERVING" } });
    }
    // What they say of the rest is not for everybody.
    expect(await rest(doors, "/readyz?verbose")).toEqual({
      status: 200,
      body: { status: "SERVING" },
    });
    expect(await rest(doors, "/readyz?verbose", { token: TOKENS.viewer })).toMatchObject({
      status: 200,
      body: { status: "SERVING", phase: "serving", groups: [{ group: "default" }] },
    });
    for (const path of [`${V1}/GetPools`, "/api/v1/status", "/version", "/nowhere"]) {
      expect(await rest(doors, path)).toMatchObject({ status: 401, body: { code: 16 } });
      expect(await rest(doors, path, { token: "x" })).toMatchObject({ status: 401 });
    }
  });

  test("a viewer looks, an operator acts, an admin does everything", async () => {
    const level = { method: "POST", body: '{"level":"debug"}' };
    const peer = { method: "DELETE" };
    const statuses = await Promise.all(
      Object.values(TOKENS).map(async (token) => [
        (await rest(doors, "/api/v1/status", { token })).status,
        (await rest(doors, "/api/v1/log-level", { ...level, token })).status,
        (await rest(doors, "/v1/raft/peers/x", { ...peer, token })).status,
      ]),
    );
    expect(statuses).toEqual([
      [200, 403, 403],
      [200, 200, 403],
      [200, 200, 501],
    ]);
  });

  test("every command that changes something is in the log, with who gave it, and no token is", async () => {
    const token = TOKENS.operator;
    const answer = await rest(doors, "/api/v1/plugins/none/reload", { method: "POST", token });
    expect(answer.status).toBe(404);
    const line = await gatewayd.process.waitForLine("ERR_PLUGIN_UNKNOWN");
    expect(line).toContain('caller="the operator"');
    expect(line).toContain('does="reload a plugin"');
    expect(line).toContain("door=rest");
    for (const secret of Object.values(TOKENS)) {
      expect(gatewayd.process.output()).not.toContain(secret);
    }
  });

  test("no page of another place gives commands", async () => {
    const token = TOKENS.operator;
    const headers = { Origin: "http://elsewhere.example" };
    const request = { method: "POST", body: '{"level":"info"}', token, headers };
    expect(await rest(doors, "/api/v1/log-level", request)).toMatchObject({ status: 403 });
    const renamed = { token, headers: { Host: "elsewhere.example" } };
    expect(await rest(doors, "/api/v1/status", renamed)).toMatchObject({ status: 403 });
  });

  test("every call is described in OpenAPI 3.1, by the same text at both addresses", async () => {
    const { status, body } = await rest(doors, "/openapi.json");
    expect(status).toBe(200);
    expect(await rest(doors, "/swagger.json")).toEqual({ status, body });
    const { openapi, paths, components } = openApiSchema.parse(body);
    expect(openapi).toMatch(/^3\.1\.\d+$/);
    const described = Object.entries(paths).flatMap(([path, verbs]) =>
      Object.keys(verbs).map((verb) => `${verb} ${path}`),
    );
    const methods = [GatewayDAdminAPIService, AdminService].flatMap((service) => service.methods);
    const served = methods.map((method) => {
      const { pattern } = getOption(method, http);
      // Names of fields are those of JSON there.
      return `${pattern.case} ${String(pattern.value).replace("{peer_id}", "{peerId}")}`;
    });
    expect(described.sort()).toEqual(served.sort());
    const named = JSON.stringify(body).matchAll(/"#\/components\/schemas\/(\w+)"/g);
    const missing = [...named].filter(([, name = ""]) => !(name in components.schemas));
    expect(missing).toEqual([]);
    const drain = paths["/api/v1/drain"]?.["post"]?.description;
    expect(drain).toContain("Needs the role `admin`.");
  });

  test("tools that know the older reflection alone are told the same, with a token", async () => {
    const services = async (token: string): Promise<unknown> => {
      const transport = createGrpcTransport({ baseUrl: `http://${doors.grpc}` });
      const client = createClient(ServerReflection, transport);
      const request = { messageRequest: { case: "listServices", value: "*" } } as const;
      const headers = { Authorization: `Bearer ${token}` };
      try {
        const answers = client.serverReflectionInfo(justOne(request), { headers });
        const [answer] = await Array.fromAsync(answers);
        return answer?.messageResponse.value;
      } catch (error) {
        return String(error);
      }
    };
    expect(await services("none")).toContain("[unauthenticated]");
    const names = ["api.v1.GatewayDAdminAPIService", "gatewayd.admin.v1.AdminService"];
    expect(await services(TOKENS.viewer)).toMatchObject({
      service: [...names, "grpc.health.v1.Health"].map((name) => ({ name })),
    });
  });

  test("answers are kept by nobody on their way, and are what they say they are", async () => {
    const token = { Authorization: `Bearer ${TOKENS.viewer}` };
    for (const path of ["/api/v1/sessions", "/readyz?verbose", "/version", "/nowhere"]) {
      for (const headers of [{}, token]) {
        const answer = await fetch(`http://${doors.rest}${path}`, { headers });
        expect([path, answer.headers.get("cache-control")]).toEqual([path, "no-store"]);
        expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      }
    }
  });

  test("no page of another place is let read an answer, or is told that it may ask", async () => {
    const preflight = {
      method: "OPTIONS",
      headers: {
        Origin: "http://elsewhere.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
      },
    };
    const { headers } = preflight;
    for (const init of [preflight, { headers: { Origin: headers.Origin } }]) {
      for (const path of ["/api/v1/status", "/readyz", "/openapi.json", "/"]) {
        const response = await fetch(`http://${doors.rest}${path}`, init);
        const names = [...response.headers.keys()];
        expect(names.filter((name) => name.startsWith("access-control-"))).toEqual([]);
      }
    }
  });

  test("who shows what is not known is told of in the log, without what it was", async () => {
    // One a second, and others have come before.
    const line = await waitFor("the line", async () => {
      const guess = { token: "gue55ed" };
      expect(await rest(doors, "/api/v1/status", guess)).toMatchObject({ status: 401 });
      const strangers = gatewayd.process.lines().filter(({ text }) => text.includes("not known"));
      return strangers.find(({ text }) => text.includes("untold="))?.text;
    });
    expect(line).toContain("WRN An administrator is not known address=127.0.0.1 door=rest");
    expect(line).toContain("shown=token");
    expect(gatewayd.process.output()).not.toContain("gue55ed");
  });

  testGo(
    "a client in Go finds the commands by reflection, and calls them with its token",
    async () => {
      const service = "gatewayd.admin.v1.AdminService";
      const call = async (token: string, method: string, request: string): Promise<unknown> => {
        const program = goClient?.localPath ?? "";
        const command = [program, doors.grpc, token, service, method, request] as const;
        const { code, stdout, stderr } = await runToEnd(command);
        return code === 0 ? JSON.parse(stdout) : stderr;
      };
      expect(await call("", "GetStatus", "{}")).toContain("Unauthenticated");
      expect(await call(TOKENS.viewer, "GetStatus", "{}")).toMatchObject({
        health: "SERVING",
        watched: "SERVING",
        code: "OK",
        response: { phase: "PHASE_SERVING", groups: [{ group: "default", clients: 0 }] },
      });
      expect(await call(TOKENS.viewer, "SetLogLevel", '{"level":"info"}')).toMatchObject({
        code: "PermissionDenied",
      });
      expect(await call(TOKENS.operator, "SetLogLevel", '{"level":"loud"}')).toMatchObject({
        code: "InvalidArgument",
        message: expect.stringContaining("trace, debug, info"),
      });
    },
  );
});

test("gRPC knows its clients by certificates, too", async () => {
  const file = (name: string): string => join(FIXTURES, "tls", name);
  const tls = { certFile: file("server.crt"), keyFile: file("server.key") };
  const auth = {
    clientCAFile: file("ca.crt"),
    certificates: [{ name: "postgres", role: "viewer" }],
  };
  await using gatewayd = await startGatewayd({ config: configWith({ ...tls, auth }) });
  const { grpc } = doorsOf(gatewayd);
  const pools = async (name: string | undefined): Promise<unknown> => {
    const transport = createGrpcTransport({
      baseUrl: `https://localhost:${grpc.split(":")[1]}`,
      nodeOptions: {
        ca: await readFile(file("ca.crt")),
        ...(name !== undefined && {
          cert: await readFile(file(`${name}.crt`)),
          key: await readFile(file(`${name}.key`)),
        }),
      },
    });
    try {
      return (await createClient(AdminService, transport).listPools({})).pools.length;
    } catch (error) {
      return String(error);
    }
  };
  expect(await pools("client")).toBe(1);
  expect(await pools("other-client")).toContain("[unauthenticated]");
  expect(await pools(undefined)).toContain("[unauthenticated]");
  await gatewayd.stop();
});

test("REST knows its clients by certificates, too", async () => {
  const file = (name: string): string => join(FIXTURES, "tls", name);
  const pem = async (name: string): Promise<string> => await readFile(file(name), "utf8");
  const tls = { certFile: file("server.crt"), keyFile: file("server.key") };
  const auth = {
    ...withTokens.auth,
    clientCAFile: file("ca.crt"),
    certificates: [{ name: "postgres", role: "operator" }],
  };
  await using gatewayd = await startGatewayd({ config: configWith({ ...tls, auth }) });
  const port = doorsOf(gatewayd).rest.split(":")[1];
  const ca = await pem("ca.crt");
  const ask = async (
    name: string | undefined,
    path: string,
    init: RequestInit = {},
  ): Promise<number> => {
    const own = name && { cert: await pem(`${name}.crt`), key: await pem(`${name}.key`) };
    const response = await fetch(`https://localhost:${port}${path}`, {
      ...init,
      keepalive: false,
      tls: { ca, ...own },
    });
    await response.text();
    return response.status;
  };
  const level = { method: "POST", body: JSON.stringify({ level: "info" }) };
  const levelPath = "/api/v1/log-level";
  expect(await ask("client", "/api/v1/pools")).toBe(200);
  expect(await ask("client", levelPath, level)).toBe(200);
  expect(await ask("client", "/api/v1/drain", { method: "POST" })).toBe(403);
  // Signed by the same authority, and not named; named, and signed by itself; and none at all.
  for (let round = 0; round < 10; round++) {
    for (const name of ["other-client", "stranger", undefined]) {
      expect([name, await ask(name, "/api/v1/pools")]).toEqual([name, 401]);
    }
  }
  const headers = { Authorization: `Bearer ${TOKENS.viewer}` };
  expect(await ask(undefined, "/api/v1/pools", { headers })).toBe(200);
  expect(await ask(undefined, levelPath, { ...level, headers })).toBe(403);
  // Pages and answers of every kind come the same way as without TLS.
  expect(await ask(undefined, "/readyz")).toBe(200);
  expect(await ask(undefined, "/swagger-ui/swagger-ui-bundle.js")).toBe(200);
  expect(await ask(undefined, "/livez", { method: "HEAD" })).toBe(200);
  expect(await ask("client", "/nowhere")).toBe(404);
  const long = { method: "POST", body: "x".repeat(65 * 1024) };
  expect(await ask("client", levelPath, long)).toBe(413);
  await gatewayd.process.waitForLine(/An administrator's command .*caller=postgres .*door=rest/);
  await gatewayd.stop();
});

test("REST over TLS speaks HTTP/2 with who wants it, as browsers do", async () => {
  const file = (name: string): string => join(FIXTURES, "tls", name);
  const tls = { certFile: file("server.crt"), keyFile: file("server.key") };
  const auth = {
    clientCAFile: file("ca.crt"),
    certificates: [{ name: "postgres", role: "viewer" }],
  };
  await using gatewayd = await startGatewayd({ config: configWith({ ...tls, auth }) });
  const url = `https://localhost:${doorsOf(gatewayd).rest.split(":")[1]}`;
  const ask = async (
    name: string | undefined,
    verb: string,
    path: string,
    body = "",
  ): Promise<readonly [status: unknown, body: string]> => {
    const session = http2.connect(url, {
      ca: await readFile(file("ca.crt")),
      ...(name !== undefined && {
        cert: await readFile(file(`${name}.crt`)),
        key: await readFile(file(`${name}.key`)),
      }),
    });
    const stream = session.request({ ":method": verb, ":path": path });
    stream.end(body);
    const [headers]: readonly http2.IncomingHttpHeaders[] = await once(stream, "response");
    const text = Buffer.concat(await Array.fromAsync<Buffer>(stream)).toString();
    session.close();
    return [headers?.[":status"], text];
  };
  expect(await ask(undefined, "GET", "/livez")).toEqual([200, '{"status":"SERVING"}']);
  expect((await ask(undefined, "GET", "/openapi.json"))[1]).toContain("gatewayd admin API");
  expect((await ask("client", "GET", "/api/v1/pools?group=default"))[0]).toBe(200);
  expect((await ask("client", "POST", "/api/v1/drain"))[0]).toBe(403);
  expect((await ask("client", "POST", "/api/v1/log-level", "x".repeat(65 * 1024)))[0]).toBe(413);
  expect((await ask("other-client", "GET", "/api/v1/pools"))[0]).toBe(401);
  expect((await ask(undefined, "GET", "/api/v1/pools"))[0]).toBe(401);
  await gatewayd.stop();
});

test("calls are on the metrics page, by path and by what became of them", async () => {
  await using gatewayd = await startGatewayd({ config: configWith({}) });
  const doors = doorsOf(gatewayd);
  await rest(doors, `${V1}/GetPools`);
  await rest(doors, `${V1}/GetPools`);
  await rest(doors, "/v1/raft/peers/x", { method: "DELETE" });
  await rest(doors, `${V1}/GetGlobalConfig?group_name=none`);
  const line = await gatewayd.process.waitForLine("Metrics are exposed");
  const page = await (await fetch(/\baddress=(\S+)/.exec(line)?.[1] ?? "")).text();
  const labels = (endpoint: string, method: string): string =>
    `{method="${method}",endpoint="${endpoint}"`;
  const pools = labels(`${V1}/GetPools`, "GET");
  const peer = labels("/v1/raft/peers/{peer_id}", "DELETE");
  const config = labels(`${V1}/GetGlobalConfig`, "GET");
  const series = page.split("\n").filter((text) => text.startsWith("gatewayd_api_requests"));
  expect(series.sort()).toEqual(
    [
      `gatewayd_api_requests_total${pools}} 2`,
      `gatewayd_api_requests_total${peer}} 1`,
      `gatewayd_api_requests_total${config}} 1`,
      `gatewayd_api_requests_errors_total${peer},error="Unimplemented"} 1`,
      `gatewayd_api_requests_errors_total${config},error="NotFound"} 1`,
    ].sort(),
  );
  await gatewayd.stop();
});

test("a drain by command ends the gateway as SIGTERM does", async () => {
  await using gatewayd = await startGatewayd({ config: configWith({}) });
  const doors = doorsOf(gatewayd);
  await using client = await connectWire(gatewayd);
  await client.login({ user: "postgres", database: "postgres" });
  client.query("begin");
  await client.messagesUntil("Z");
  expect(await rest(doors, "/api/v1/drain", { method: "POST" })).toMatchObject({ status: 200 });
  expect(await rest(doors, "/readyz?verbose")).toMatchObject({
    status: 503,
    body: { status: "NOT_SERVING", phase: "draining" },
  });
  expect(await rest(doors, "/livez")).toMatchObject({ status: 200 });
  client.query("commit");
  await client.messagesUntil("Z");
  expect(await gatewayd.process.waitForExit(10_000)).toMatchObject({ code: 0 });
});

test("what administrators do is in the log whatever its level is", async () => {
  await using gatewayd = await startGatewayd({ config: configWith({}) });
  const doors = doorsOf(gatewayd);
  const setLevel = async (level: string): Promise<void> => {
    const body = JSON.stringify({ level });
    const request = { method: "POST", body };
    expect(await rest(doors, "/api/v1/log-level", request)).toMatchObject({ status: 200 });
  };
  await setLevel("error");
  const since = gatewayd.process.lineCount;
  const pause = `/api/v1/pools/default/writes/pause`;
  expect(await rest(doors, pause, { method: "POST" })).toMatchObject({ status: 200 });
  await gatewayd.process.waitForLine(/INF An administrator's command .*command=PausePool/, {
    since,
  });
  await setLevel("info");
  await gatewayd.stop();
});

test("an address that is in use stops the start, and says which", async () => {
  await using first = await startGatewayd({ config: configWith({}) });
  const { rest: address } = doorsOf(first);
  const second = startGatewayd({ config: configWith({ httpAddress: address }) });
  await expect(second).rejects.toThrow(
    `the admin API cannot listen on ${address}: address already in use (EADDRINUSE)`,
  );
  await first.stop();
});
