/** What load balancers, containers and orchestrators are told, from the boot to an outage of the database. */
import { expect, test } from "bun:test";
import { createClient } from "@connectrpc/connect";
import type { Client } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { Health, HealthCheckResponse_ServingStatus } from "../../src/rpc/index.ts";
import { GATEWAYD_BINARY, runToEnd, startGatewayd, startPostgres, waitFor } from "../kit/index.ts";
import { adminConfig, doorsOf, freeAddress, OPEN_POOL, rest } from "./admin-doors.ts";

test("a gateway serves when it has booted, and while there is a server", async () => {
  await using postgres = await startPostgres();
  await postgres.stop();
  const doors = { rest: await freeAddress(), grpc: await freeAddress() };
  const starting = startGatewayd({
    config: adminConfig(postgres.address, {
      pool: { size: 2 },
      client: { retries: 1_000, backoff: "50ms", backoffMultiplier: 1 },
      api: { httpAddress: doors.rest, grpcAddress: doors.grpc },
    }),
    deadlineMs: 60_000,
  });
  const transport = createGrpcTransport({ baseUrl: `http://${doors.grpc}` });
  const health = createClient(Health, transport);
  /** Of `/readyz`, `/healthz`, gRPC and the command line; and why, as `?verbose` has it. */
  const told = async () => {
    const { body } = await rest(doors, "/readyz?verbose");
    const { status } = await health.check({ service: "any" });
    const command = [GATEWAYD_BINARY, "health", "--address", doors.rest] as const;
    const { code, stdout } = await runToEnd(command, { cwd: "/", env: {} });
    return {
      pages: [await rest(doors, "/readyz"), await rest(doors, "/healthz")],
      live: await rest(doors, "/livez"),
      grpc: nameOf(status),
      command: { code, stdout },
      details: body,
    };
  };
  const no = { status: 503, body: { status: "NOT_SERVING" } };
  const yes = { status: 200, body: { status: "SERVING" } };
  const notServing = {
    pages: [no, no],
    live: yes,
    grpc: "NOT_SERVING",
    command: { code: 1, stdout: "NOT_SERVING\n" },
  };
  const serving = {
    pages: [yes, yes],
    live: yes,
    grpc: "SERVING",
    command: { code: 0, stdout: "SERVING\n" },
  };
  await waitFor("the API", () => rest(doors, "/livez"), { retryErrors: true });
  const watched: string[] = [];
  const watching = watchHealth(health, watched);
  const heard = async (last: string): Promise<void> => {
    await waitFor("whoever watches to hear of it", () => watched.at(-1) === last);
  };
  expect(await told()).toMatchObject({ ...notServing, details: { phase: "booting" } });

  await postgres.start();
  await using gatewayd = await starting;
  await gatewayd.process.waitForLine("GatewayD is running");
  await heard("SERVING");
  expect(await told()).toMatchObject({
    ...serving,
    details: { phase: "serving", reasons: [], groups: [{ group: "default" }] },
  });

  await postgres.stop("immediate");
  const status = async () => (await rest(doors, "/readyz")).status;
  await waitFor("the outage", status, { until: (it) => it === 503 });
  await heard("NOT_SERVING");
  expect(await told()).toMatchObject({
    ...notServing,
    details: { phase: "serving", reasons: ["group default has no live block"] },
  });

  await postgres.start();
  await waitFor("the server", status, { until: (it) => it === 200 });
  await heard("SERVING");
  expect(await told()).toMatchObject(serving);
  await gatewayd.stop();
  // It ends with the gateway, which may say so before.
  await watching;
  expect(watched.slice(0, 4)).toEqual(["NOT_SERVING", "SERVING", "NOT_SERVING", "SERVING"]);
}, 90_000);

function nameOf(status: HealthCheckResponse_ServingStatus): string {
  const { SERVING, NOT_SERVING } = HealthCheckResponse_ServingStatus;
  return status === SERVING ? "SERVING" : status === NOT_SERVING ? "NOT_SERVING" : "another";
}

/** @param told gets what somebody who watches is told, until the gateway has stopped */
async function watchHealth(health: Client<typeof Health>, told: string[]): Promise<void> {
  for await (const { status } of health.watch({})) told.push(nameOf(status));
}

test("a pooled gateway that nobody has asked for anything knows whether its server is there", async () => {
  await using postgres = await startPostgres();
  await postgres.stop();
  const proxy = { healthCheckPeriod: "200ms" };
  await using gatewayd = await startGatewayd({
    config: adminConfig(postgres.address, { ...OPEN_POOL, proxy }),
  });
  const doors = doorsOf(gatewayd);
  const told = async () => await rest(doors, "/readyz?verbose");
  const away = { status: 503, body: { reasons: ["group default has no live block"] } };
  await gatewayd.process.waitForLine("GatewayD is running");
  expect(await told()).toMatchObject(away);
  await gatewayd.process.waitForLine("ERR The server cannot be reached");
  await postgres.start();
  await waitFor("the server", told, { until: ({ status }) => status === 200 });
  await gatewayd.process.waitForLine("INF The server can be reached again");
  // Still there is no connection whose end would tell of it.
  expect((await told()).body).toMatchObject({ groups: [{ blocks: [{ available: 0 }] }] });
  await postgres.stop("immediate");
  expect(
    await waitFor("the outage", told, { until: ({ status }) => status === 503 }),
  ).toMatchObject(away);
  await gatewayd.stop();
}, 60_000);
