import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Client } from "pg";
import postgresJs from "postgres";
import {
  cancelRequest,
  connectWire,
  frontendMessage,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  startProcess,
  testNeeding,
  waitFor,
  type WireClient,
} from "../kit/index.ts";

const TLS = join(import.meta.dir, "..", "fixtures", "tls");
/** Longer than any test may take: it ends by being cancelled, or the test fails. */
const ENDLESS = "select pg_sleep(300)";

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

/** Waits until the server executes so many endless queries. */
async function untilRunning(count: number): Promise<void> {
  await waitFor(
    `${count} running queries`,
    async () => {
      const rows = await postgres.query(
        `select count(*)::int as count from pg_stat_activity
         where state = 'active' and query like '%pg_sleep%' and pid <> pg_backend_pid()`,
      );
      return rows[0]?.["count"];
    },
    { until: (running) => running === count },
  );
}

/** Logs in and starts an endless query; resolves with the key to cancel it. */
async function sleeper(gatewayd: GatewaydProcess): Promise<{ client: WireClient; key: Buffer }> {
  const client = await connectWire(gatewayd);
  const greeting = await client.login();
  const key = greeting.find(({ type }) => type === "K")?.body;
  if (key === undefined) throw new Error("the greeting has no BackendKeyData");
  client.query(ENDLESS);
  return { client, key };
}

describe("a CancelRequest", () => {
  let gatewayd: GatewaydProcess;

  beforeAll(async () => {
    gatewayd = await startGatewayd({
      config: oneBlockConfig(postgres.address, {
        server: {
          maxConnections: 2,
          enableTLS: true,
          certFile: join(TLS, "server.crt"),
          keyFile: join(TLS, "server.key"),
        },
        pool: { size: 2 },
      }),
    });
  });
  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
  });

  test.each(["plain", "TLS"])(
    "(%s) reaches its own session with every backend leased and maxConnections reached",
    async (encryption) => {
      const first = await sleeper(gatewayd);
      const second = await sleeper(gatewayd);
      await using one = first.client;
      await using other = second.client;
      await untilRunning(2);
      await using canceller = await connectWire(gatewayd);
      if (encryption === "TLS") await canceller.requestTls();
      canceller.send(cancelRequest(first.key));
      expect(await one.errorResponse()).toMatchObject({ severity: "ERROR", code: "57014" });
      expect((await one.message()).type).toBe("Z");
      await canceller.ended();
      await untilRunning(1);
      expect(other.received.length).toBe(0);
      one.query("select 'usable'");
      await one.messagesUntil("Z");
      for (const client of [one, other]) client.end();
      await untilRunning(0);
    },
  );

  /** Logs in, lets `begin` send something, and cancels it. */
  async function cancelled(begin: (client: WireClient) => Promise<unknown>): Promise<WireClient> {
    const client = await connectWire(gatewayd);
    const key = (await client.login()).find(({ type }) => type === "K")?.body;
    if (key === undefined) throw new Error("the greeting has no BackendKeyData");
    await begin(client);
    await using canceller = await connectWire(gatewayd);
    canceller.send(cancelRequest(key));
    await canceller.ended();
    return client;
  }

  const tagsUntilReady = async (client: WireClient): Promise<string> =>
    (await client.messagesUntil("Z")).map(({ type }) => type).join("");

  test("during COPY data leaves the end of the COPY to its client", async () => {
    await using client = await cancelled(async (copying) => {
      copying.query("create temporary table sink (x int)");
      await copying.messagesUntil("Z");
      copying.query("copy sink from stdin");
      await copying.messagesUntil("G");
      copying.send(frontendMessage("d", "1\n"));
    });
    client.send(frontendMessage("f", "given up\0"));
    expect(await tagsUntilReady(client)).toBe("EZ");
    client.query("select 'usable'");
    expect(await tagsUntilReady(client)).toBe("TDCZ");
    client.end();
  });

  test("in the middle of a message does not keep the rest of it back", async () => {
    const query = frontendMessage("Q", `select length('${"x".repeat(100_000)}')\0`);
    await using client = await cancelled(async (sending) =>
      sending.send(query.subarray(0, 50_000)),
    );
    client.send(query.subarray(50_000));
    expect(await tagsUntilReady(client)).toBe("TDCZ");
    client.end();
  });

  test("with a wrong key cancels nothing and is closed without an answer", async () => {
    const { client, key } = await sleeper(gatewayd);
    await using running = client;
    await untilRunning(1);
    const wrongSecret = Buffer.from(key);
    wrongSecret.writeUInt8(wrongSecret.readUInt8(wrongSecret.length - 1) ^ 1, key.length - 1);
    const wrongProcess = Buffer.from(key);
    wrongProcess.writeUInt8(wrongProcess.readUInt8(3) ^ 1, 3);
    for (const wrong of [wrongSecret, wrongProcess]) {
      await using canceller = await connectWire(gatewayd);
      canceller.send(cancelRequest(wrong));
      await canceller.ended();
      expect(canceller.received.length).toBe(0);
    }
    await untilRunning(1);
    expect(running.received.length).toBe(0);
    running.end();
    await untilRunning(0);
  });

  test("for a session that has ended cancels nothing", async () => {
    const ended = await sleeper(gatewayd);
    await untilRunning(1);
    await ended.client[Symbol.asyncDispose]();
    await untilRunning(0);
    const next = await sleeper(gatewayd);
    await using running = next.client;
    await untilRunning(1);
    await using canceller = await connectWire(gatewayd);
    canceller.send(cancelRequest(ended.key));
    await canceller.ended();
    await untilRunning(1);
    running.end();
    await untilRunning(0);
  });
});

describe("drivers cancel", () => {
  let gatewayd: GatewaydProcess;

  beforeAll(async () => {
    gatewayd = await startGatewayd({
      config: oneBlockConfig(postgres.address, { pool: { size: 1 } }),
    });
  });
  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
  });

  testNeeding("psql")("psql on an interrupt", async () => {
    await using psql = await startProcess(
      ["psql", "-X", "-v", "VERBOSITY=verbose", "-c", ENDLESS],
      {
        env: {
          PATH: process.env["PATH"],
          HOME: "/nonexistent",
          PGHOST: gatewayd.host,
          PGPORT: String(gatewayd.port),
          PGUSER: "postgres",
          PGDATABASE: "postgres",
        },
      },
    );
    await untilRunning(1);
    psql.kill("SIGINT");
    await psql.waitForLine("57014");
    expect(await psql.waitForExit()).toEqual({ code: 1, signal: null });
    await untilRunning(0);
  });

  test("pg by a second connection of its own kind", async () => {
    const client = new Client({
      host: gatewayd.host,
      port: gatewayd.port,
      user: "postgres",
      database: "postgres",
    });
    await client.connect();
    const running: Promise<unknown> = client.query(ENDLESS).catch((error: unknown) => error);
    await untilRunning(1);
    // As pg does it: the type definitions leave out what its own pool uses.
    const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
    const key = Buffer.alloc(8);
    key.writeInt32BE(processID, 0);
    key.writeInt32BE(secretKey, 4);
    await using canceller = await connectWire(gatewayd);
    canceller.send(cancelRequest(key));
    expect(await running).toMatchObject({ code: "57014" });
    expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
    await client.end();
  });

  test("postgres by its cancel method", async () => {
    const { host, port } = gatewayd;
    const sql = postgresJs({ host, port, user: "postgres", database: "postgres", max: 1 });
    const query = sql.unsafe(ENDLESS);
    const running: Promise<unknown> = query.execute().catch((error: unknown) => error);
    await untilRunning(1);
    query.cancel();
    expect(await running).toMatchObject({ code: "57014" });
    expect((await sql`select 1 as x`)[0]).toEqual({ x: 1 });
    await sql.end();
  });
});

test("a client that leaves while its query runs has the query cancelled", async () => {
  await using gatewayd = await startGatewayd({ config: oneBlockConfig(postgres.address) });
  const closing = await sleeper(gatewayd);
  const resetting = await sleeper(gatewayd);
  await untilRunning(2);
  await closing.client[Symbol.asyncDispose]();
  resetting.client.reset();
  await untilRunning(0);
  await gatewayd.stop();
});
