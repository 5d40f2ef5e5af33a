import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client } from "pg";
import {
  connectionsToPort,
  connectWire,
  freePort,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
  type WireClient,
} from "../kit/index.ts";

const ENDLESS = "select pg_sleep(300)";

async function untilFull(gatewayd: GatewaydProcess, port: number, size: number): Promise<void> {
  await waitFor(`a pool of ${size} backends`, () => connectionsToPort(gatewayd.process.pid, port), {
    until: (count) => count === size,
  });
}

/** One client's whole life: connects, asks, leaves. */
async function askOnce(target: { readonly host: string; readonly port: number }): Promise<void> {
  const { host, port } = target;
  const client = new Client({ host, port, user: "postgres", database: "postgres" });
  // What the server says between connecting and asking; the query then only fails for that.
  let told: Error | undefined;
  client.on("error", (error) => {
    told ??= error;
  });
  await client.connect();
  try {
    await client.query("select 1");
  } catch (error) {
    throw told ?? error;
  } finally {
    await client.end();
  }
}

async function isServed(target: {
  readonly host: string;
  readonly port: number;
}): Promise<boolean> {
  return await askOnce(target).then(
    () => true,
    () => false,
  );
}

describe("a backend that is killed in the middle of a query", () => {
  let postgres: PostgresServer;
  let gatewayd: GatewaydProcess;

  beforeAll(async () => {
    postgres = await startPostgres();
    gatewayd = await startGatewayd({ config: oneBlockConfig(postgres.address) });
  }, 60_000);
  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  });

  async function sleeper(): Promise<{ client: WireClient; pid: number }> {
    const client = await connectWire(gatewayd);
    await client.login();
    client.query("select pg_backend_pid()");
    const [, row] = await client.messagesUntil("Z");
    client.query(ENDLESS);
    return { client, pid: Number(row?.body.toString("latin1", 6)) };
  }

  test("by pg_terminate_backend: the client gets the server's 57P01", async () => {
    const { client, pid } = await sleeper();
    await using _client = client;
    await postgres.query(`select pg_terminate_backend(${pid})`);
    expect(await client.errorResponse()).toMatchObject({
      severity: "FATAL",
      code: "57P01",
      message: "terminating connection due to administrator command",
    });
    await client.ended();
    expect(client.received.length).toBe(0);
    await untilFull(gatewayd, postgres.port, 4);
  });

  test("by SIGKILL: the client gets 08006, the pool is full again and serves", async () => {
    const { client, pid } = await sleeper();
    await using _client = client;
    process.kill(pid, "SIGKILL");
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "08006" });
    await client.ended();
    // PostgreSQL restarts itself after a crashed backend, and tells newcomers so until it is done.
    await waitFor("the server to have recovered", () => isServed(gatewayd));
    await untilFull(gatewayd, postgres.port, 4);
  });
});

test.each(["fast", "immediate"] as const)(
  "a server stopped (%s) and started under load: told clients, a full pool, service within 5 s",
  async (mode) => {
    await using postgres = await startPostgres();
    await using gatewayd = await startGatewayd({
      config: oneBlockConfig(postgres.address, { pool: { size: 8 } }),
    });
    const connected = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const client = await connectWire(gatewayd);
        await client.login();
        client.query(ENDLESS);
        return client;
      }),
    );
    const load = { isOn: true, served: 0, errors: [] as { code: string; sinceMs: number }[] };
    const loaders = [1, 2, 3].map(async () => {
      while (load.isOn) {
        const sinceMs = performance.now();
        await askOnce(gatewayd).then(
          () => load.served++,
          (error: unknown) => load.errors.push({ code: codeOf(error), sinceMs }),
        );
      }
    });
    await waitFor("clients served under load", () => load.served > 20);

    await postgres.stop(mode);
    for (const client of connected) {
      const { severity, code } = await client.errorResponse();
      expect(severity).toBe("FATAL");
      expect(["57P01", "57P02", "08006"]).toContain(code);
      await client.ended();
      await client[Symbol.asyncDispose]();
    }
    await waitFor(
      "no backend left",
      () => connectionsToPort(gatewayd.process.pid, postgres.port) === 0,
    );
    const restartMs = performance.now();
    const newcomer = askOnce(gatewayd);
    await postgres.start();
    await newcomer;
    expect(performance.now() - restartMs).toBeLessThan(5_000);
    const before = load.served;
    await waitFor("the load to be served again", () => load.served > before + 20);
    load.isOn = false;
    await Promise.all(loaders);
    for (const { code, sinceMs } of load.errors) {
      // Whoever came before was told of the stop; 08001 if not even the login had begun.
      const expected = sinceMs < restartMs ? ["57P01", "57P02", "57P03", "08006", "08001"] : [];
      expect(expected).toContain(code);
    }
    await untilFull(gatewayd, postgres.port, 8);
    await gatewayd.stop();
  },
);

test("idle backends lost to a restart are never given to a client", async () => {
  await using postgres = await startPostgres();
  await using gatewayd = await startGatewayd({ config: oneBlockConfig(postgres.address) });
  await postgres.restart();
  for (let round = 0; round < 8; round++) await askOnce(gatewayd);
  await untilFull(gatewayd, postgres.port, 4);
  await gatewayd.stop();
});

describe("a start with the database down", () => {
  test("tries again as configured, then ends with exit code 7 and says why", async () => {
    const port = await freePort();
    const start = startGatewayd({
      config: oneBlockConfig(`127.0.0.1:${port}`, { client: { retries: 2, backoff: "50ms" } }),
    });
    const failure = await start.then(
      () => "it started",
      (error: Error) => error.message,
    );
    expect(failure).toContain("exit code 7");
    expect(failure.match(/Failed to connect to the server, trying again/g)).toHaveLength(2);
    expect(failure).toContain("failed to fill pool default.writes");
    expect(failure).toContain(`127.0.0.1:${port}`);
    expect(failure).toContain("ECONNREFUSED");
  });

  test("succeeds when the database comes in time", async () => {
    await using postgres = await startPostgres();
    await postgres.stop();
    const starting = startGatewayd({
      config: oneBlockConfig(postgres.address, { client: { retries: 100, backoff: "50ms" } }),
    });
    await postgres.start();
    await using gatewayd = await starting;
    await askOnce(gatewayd);
    await gatewayd.stop();
  });
});

describe("with two servers", () => {
  test("the outage of one group does not touch the other", async () => {
    await using doomed = await startPostgres();
    await using healthy = await startPostgres();
    const groups = ["doomed", "healthy"] as const;
    const each = <T>(make: (group: (typeof groups)[number]) => T) =>
      Object.fromEntries(groups.map((group) => [group, make(group)]));
    const addresses = { doomed: doomed.address, healthy: healthy.address };
    await using gatewayd = await startGatewayd({
      listeners: 2,
      config: JSON.stringify({
        loggers: each(() => ({ noColor: true })),
        clients: each((group) => ({ writes: { address: addresses[group] } })),
        pools: each(() => ({ writes: { size: 2, queueTimeout: "100ms" } })),
        proxies: each(() => ({ writes: {} })),
        servers: each(() => ({ address: "127.0.0.1:0" })),
      }),
    });
    const [doomedPort = 0, healthyPort = 0] = gatewayd.addresses.map((address) =>
      Number(address.split(":").at(-1)),
    );
    const { host } = gatewayd;
    await using client = await connectWire({ host, port: healthyPort });
    await client.login();
    await doomed.stop("immediate");
    const refused = askOnce({ host, port: doomedPort });
    await expect(refused).rejects.toMatchObject({ code: "08001" });
    client.query("select 'untouched'");
    await client.messagesUntil("Z");
    for (let round = 0; round < 10; round++) await askOnce({ host, port: healthyPort });
    await doomed.start();
    await waitFor("the group to serve again", () => isServed({ host, port: doomedPort }));
    await gatewayd.stop();
  });

  test("a block whose server is down is skipped, and used again when it is back", async () => {
    await using one = await startPostgres();
    await using other = await startPostgres();
    const block = { size: 2 };
    await using gatewayd = await startGatewayd({
      config: JSON.stringify({
        loggers: { default: { noColor: true } },
        clients: { default: { one: { address: one.address }, other: { address: other.address } } },
        pools: { default: { one: block, other: block } },
        proxies: { default: { one: {}, other: {} } },
        servers: { default: { address: "127.0.0.1:0" } },
      }),
    });
    const portsSeen = async (): Promise<Set<unknown>> => {
      const seen = new Set<unknown>();
      for (let round = 0; round < 6; round++) {
        const { host, port } = gatewayd;
        const client = new Client({ host, port, user: "postgres", database: "postgres" });
        await client.connect();
        seen.add((await client.query("select inet_server_port() as port")).rows[0]?.port);
        await client.end();
      }
      return seen;
    };
    expect(await portsSeen()).toEqual(new Set([one.port, other.port]));
    await one.stop();
    expect(await portsSeen()).toEqual(new Set([other.port]));
    await one.start();
    await waitFor("both blocks in use", portsSeen, { until: (seen) => seen.size === 2 });
    await gatewayd.stop();
  });
});

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}
