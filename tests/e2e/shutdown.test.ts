import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import {
  childrenOf,
  connectWire,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
  type WireClient,
} from "../kit/index.ts";

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await using _postgres = postgres;
  await waitFor("the server to be without clients", async () => {
    const rows = await postgres.query(
      "select 1 from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
    );
    return rows.length === 0;
  });
});

async function startWith(server: Readonly<Record<string, unknown>> = {}): Promise<GatewaydProcess> {
  return await startGatewayd({ config: oneBlockConfig(postgres.address, { server }) });
}

async function loggedIn(gatewayd: GatewaydProcess): Promise<WireClient> {
  const client = await connectWire(gatewayd);
  await client.login();
  return client;
}

async function ask(client: WireClient, sql: string): Promise<void> {
  client.query(sql);
  await client.messagesUntil("Z");
}

async function expectGoodbye(client: WireClient): Promise<void> {
  expect(await client.errorResponse()).toEqual({
    severity: "FATAL",
    code: "57P01",
    message: "terminating connection because the gateway is shutting down",
  });
  await client.ended();
}

async function expectNoNewClients(gatewayd: GatewaydProcess): Promise<void> {
  const { host, port } = gatewayd;
  await waitFor("new clients to be refused", async () => {
    return await connectWire({ host, port }).then(
      async (client) => {
        await client[Symbol.asyncDispose]();
        return false;
      },
      () => true,
    );
  });
}

describe.each(["SIGTERM", "SIGINT"] as const)("%s", (signal) => {
  test("lets running queries and transactions finish; idle clients leave at once", async () => {
    await using gatewayd = await startWith();
    await using idle = await loggedIn(gatewayd);
    await using querying = await loggedIn(gatewayd);
    await using inTransaction = await loggedIn(gatewayd);
    await ask(inTransaction, "begin");
    querying.query("select pg_sleep(0.5)");
    gatewayd.process.kill(signal);
    await expectGoodbye(idle);
    await expectNoNewClients(gatewayd);
    const answer = await querying.messagesUntil("Z");
    expect(answer.map(({ type }) => type).join("")).toBe("TDCZ");
    await expectGoodbye(querying);
    await ask(inTransaction, "select 'still'");
    await ask(inTransaction, "commit");
    await expectGoodbye(inTransaction);
    expect(await gatewayd.process.waitForExit()).toEqual({ code: 0, signal: null });
    expect(gatewayd.process.output()).toContain("GatewayD is shutdown");
  });
});

describe("a stop that is not waited for", () => {
  test("drainTimeout cuts what has not finished, telling the client", async () => {
    await using gatewayd = await startWith({ drainTimeout: "300ms" });
    await using client = await loggedIn(gatewayd);
    await ask(client, "begin");
    client.query("select pg_sleep(300)");
    const start = performance.now();
    gatewayd.process.kill("SIGTERM");
    await expectGoodbye(client);
    expect(performance.now() - start).toBeGreaterThan(250);
    expect(await gatewayd.process.waitForExit()).toEqual({ code: 0, signal: null });
  });

  test("a second signal stops at once", async () => {
    await using gatewayd = await startWith();
    await using client = await loggedIn(gatewayd);
    await ask(client, "begin");
    gatewayd.process.kill("SIGTERM");
    await gatewayd.process.waitForLine("GatewayD is shutting down");
    expect(client.hasEnded).toBe(false);
    gatewayd.process.kill("SIGINT");
    await expectGoodbye(client);
    expect(await gatewayd.process.waitForExit(3_000)).toEqual({ code: 0, signal: null });
  });

  test.each(["SIGQUIT", "SIGABRT"] as const)("%s stops at once", async (signal) => {
    await using gatewayd = await startWith();
    await using client = await loggedIn(gatewayd);
    await ask(client, "begin");
    gatewayd.process.kill(signal);
    await expectGoodbye(client);
    expect(await gatewayd.process.waitForExit(3_000)).toEqual({ code: 0, signal: null });
  });
});

test("clients that wait for a backend, or have said nothing yet, do not hold up the end", async () => {
  await using gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, { pool: { size: 1 }, server: { maxConnections: 3 } }),
  });
  await using holder = await loggedIn(gatewayd);
  await ask(holder, "begin");
  await using waiting = await connectWire(gatewayd);
  waiting.startup();
  await using silent = await connectWire(gatewayd);
  await using beyondLimit = await connectWire(gatewayd);
  gatewayd.process.kill("SIGTERM");
  await expectGoodbye(waiting);
  await Promise.all([silent.ended(5_000), beyondLimit.ended(5_000)]);
  await ask(holder, "commit");
  await expectGoodbye(holder);
  expect(await gatewayd.process.waitForExit()).toEqual({ code: 0, signal: null });
});

test("nothing is left behind: no child, no listener, no process", async () => {
  await using gatewayd = await startWith();
  await using client = await loggedIn(gatewayd);
  const { pid } = gatewayd.process;
  expect(childrenOf(pid)).toEqual([]);
  await gatewayd.stop();
  await client.ended();
  await expectNoNewClients(gatewayd);
  expect(existsSync(`/proc/${pid}`)).toBe(false);
});
