import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  connectionsToPort,
  connectWire,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
  type WireClient,
} from "../kit/index.ts";

/** Time limits of the tests, and what a busy machine may add to them. */
const LIMIT = "300ms";
const LIMIT_MS = 300;
const MAX_MS = 3_000;

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function startWith(
  server: Readonly<Record<string, unknown>>,
  client: Readonly<Record<string, unknown>> = {},
): Promise<GatewaydProcess> {
  return await startGatewayd({ config: oneBlockConfig(postgres.address, { server, client }) });
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

/** Expects that a FATAL with this code comes when the limit has passed, and then the end. */
async function expectFatal(client: WireClient, code: string, limitMs = LIMIT_MS): Promise<void> {
  const start = performance.now();
  expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code });
  const tookMs = performance.now() - start;
  // The clock of this test starts a little after the gateway's.
  expect(tookMs).toBeGreaterThan(limitMs * 0.8);
  expect(tookMs).toBeLessThan(MAX_MS);
  await client.ended();
  expect(client.received.length).toBe(0);
}

async function untilNoneActive(): Promise<void> {
  await waitFor("no query to run", async () => {
    const rows = await postgres.query(
      "select 1 from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()",
    );
    return rows.length === 0;
  });
}

describe("idleTimeout", () => {
  test("ends a silent client with 57P05, one that asks in time goes on", async () => {
    await using gatewayd = await startWith({ idleTimeout: LIMIT });
    await using busy = await loggedIn(gatewayd);
    await using silent = await loggedIn(gatewayd);
    const asking = (async () => {
      const start = performance.now();
      while (performance.now() - start < 3 * LIMIT_MS) await ask(busy, "select pg_sleep(0.05)");
    })();
    await expectFatal(silent, "57P05");
    await asking;
    await gatewayd.stop();
  });

  test("lets queries and transactions take longer", async () => {
    await using gatewayd = await startWith({ idleTimeout: LIMIT });
    await using client = await loggedIn(gatewayd);
    await ask(client, "select pg_sleep(0.6)");
    await ask(client, "begin");
    await using other = await loggedIn(gatewayd);
    await expectFatal(other, "57P05");
    await ask(client, "commit");
    await expectFatal(client, "57P05");
    await gatewayd.stop();
  });
});

describe("idleInTransactionTimeout", () => {
  test("ends a client that leaves a transaction open with 25P03, and no other", async () => {
    await using gatewayd = await startWith({ idleInTransactionTimeout: LIMIT });
    await using idle = await loggedIn(gatewayd);
    await using client = await loggedIn(gatewayd);
    await ask(client, "begin; select pg_sleep(0.6)");
    await expectFatal(client, "25P03");
    await using failed = await loggedIn(gatewayd);
    await ask(failed, "begin; select 1/0");
    await expectFatal(failed, "25P03");
    await ask(idle, "select 1");
    await gatewayd.stop();
  });
});

describe("queryTimeout", () => {
  test("cancels a query with 57014; the connection goes on", async () => {
    await using gatewayd = await startWith({ queryTimeout: LIMIT });
    await using client = await loggedIn(gatewayd);
    client.query("select pg_sleep(300)");
    expect(await client.errorResponse()).toMatchObject({ severity: "ERROR", code: "57014" });
    expect((await client.message()).type).toBe("Z");
    await ask(client, "select 'usable'");
    await untilNoneActive();
    await gatewayd.stop();
  });

  test("counts for each query of a pipeline from its own turn", async () => {
    await using gatewayd = await startWith({ queryTimeout: "500ms" });
    await using client = await loggedIn(gatewayd);
    const pipeline = ["0.3", "0.3", "0.3", "300"].map((s) => `select pg_sleep(${s})`);
    for (const query of pipeline) client.query(query);
    for (const _quick of pipeline.slice(1)) {
      const messages = await client.messagesUntil("Z");
      expect(messages.map(({ type }) => type)).toEqual(["T", "D", "C", "Z"]);
    }
    expect(await client.errorResponse()).toMatchObject({ severity: "ERROR", code: "57014" });
    await gatewayd.stop();
  });
});

describe("queryTimeout, beside a pipeline", () => {
  test("never cancels the query behind one that ends at the limit", async () => {
    await using gatewayd = await startWith({ queryTimeout: LIMIT });
    const hasError = async (client: WireClient): Promise<boolean> =>
      (await client.messagesUntil("Z")).some(({ type }) => type === "E");
    const pipelines = Array.from({ length: 8 }, async (_, index) => {
      await using client = await loggedIn(gatewayd);
      client.query(`select pg_sleep(${0.3 + index * 0.0015})`);
      client.query("select pg_sleep(0.1)");
      await hasError(client);
      return await hasError(client);
    });
    expect(await Promise.all(pipelines)).toEqual(pipelines.map(() => false));
    await gatewayd.stop();
  });
});

describe("receiveTimeout", () => {
  test("ends a connection whose server owes an answer and is silent with 08006", async () => {
    await using gatewayd = await startWith({}, { receiveTimeout: LIMIT });
    await using idle = await loggedIn(gatewayd);
    await using client = await loggedIn(gatewayd);
    client.query("select pg_sleep(300)");
    await expectFatal(client, "08006");
    await untilNoneActive();
    await ask(idle, "select 1");
    await gatewayd.stop();
  });
});

describe.each(["receiveDeadline", "sendDeadline"])("%s", (key) => {
  test("ends a server connection of that age with 08006, idle ones are replaced", async () => {
    await using gatewayd = await startWith({}, { [key]: "700ms" });
    await using client = await loggedIn(gatewayd);
    client.query("select pg_sleep(300)");
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "08006" });
    await client.ended();
    await untilNoneActive();
    await waitFor(
      "a full pool",
      () => connectionsToPort(gatewayd.process.pid, postgres.port) === 4,
    );
    await using next = await loggedIn(gatewayd);
    await ask(next, "select 1");
    await gatewayd.stop();
  });
});

test("healthCheckPeriod replaces idle backends before the server's authentication_timeout", async () => {
  await using impatient = await startPostgres({ settings: { authentication_timeout: "3s" } });
  await using gatewayd = await startGatewayd({
    config: oneBlockConfig(impatient.address, {
      level: "debug",
      proxy: { healthCheckPeriod: "1s" },
    }),
  });
  const start = performance.now();
  while (performance.now() - start < 4_500) {
    await using client = await loggedIn(gatewayd);
    await ask(client, "select 1");
  }
  expect(gatewayd.process.output()).not.toContain("closed by the server");
  expect(gatewayd.process.output()).not.toContain("ERR ");
  await gatewayd.stop();
});
