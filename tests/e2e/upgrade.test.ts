/** One gateway takes over from another at the same addresses: nobody is cut off, and nobody fails to connect. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { existsSync, statSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  cancelRequest,
  connectWire,
  freePort,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  type RunningProcess,
  runToEnd,
  type ServerMessage,
  startGatewayd,
  startPostgres,
  startProcess,
  testWhere,
  waitFor,
  type WireClient,
} from "../kit/index.ts";

let postgres: PostgresServer;
let directory: string;
const replaced: GatewaydProcess[] = [];

const SWAPS = 4;

beforeAll(async () => {
  // Each gateway has connections of its own.
  postgres = await startPostgres({ maxConnections: 300 });
  directory = await mkdtemp(join(tmpdir(), "gatewayd-upgrade-"));
  const init = ["pgbench", "-i", "-q", "-h", postgres.host, "-p", String(postgres.port)] as const;
  if (Bun.which("pgbench") !== null) {
    expect((await runToEnd(init, { env: BENCH_ENV })).code).toBe(0);
  }
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const BENCH_ENV = {
  PATH: process.env["PATH"],
  PGUSER: "postgres",
  PGDATABASE: "postgres",
  PGSSLMODE: "disable",
};

interface Place {
  readonly port: number;
  readonly socket: string;
  readonly config: string;
  readonly env: Readonly<Record<string, string>>;
  readonly api: string;
  readonly metrics: string;
}

/** Where gateways take over from each other. */
async function newPlace(server: Readonly<Record<string, unknown>> = {}): Promise<Place> {
  const [port, rest, grpc, metrics] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  // By the name that libpq looks for.
  const socket = join(directory, `.s.PGSQL.${port}`);
  const config = oneBlockConfig(postgres.address, {
    server: {
      address: [`127.0.0.1:${port}`, socket],
      reusePort: true,
      auth: { method: "trust" },
      ...server,
    },
    pool: { size: 8, mode: "transaction" },
    parts: { api: { httpAddress: `127.0.0.1:${rest}`, grpcAddress: `127.0.0.1:${grpc}` } },
  });
  return {
    port,
    socket,
    config,
    env: { GATEWAYD_METRICS_DEFAULT_ADDRESS: `127.0.0.1:${metrics}` },
    api: `http://127.0.0.1:${rest}`,
    metrics: `http://127.0.0.1:${metrics}/metrics`,
  };
}

async function startAt({ config, env }: Place): Promise<GatewaydProcess> {
  const gatewayd = await startGatewayd({ config, env, listeners: 2 });
  await gatewayd.process.waitForLine("GatewayD is running");
  return gatewayd;
}

async function startBench(host: string, place: Place, ...flags: string[]): Promise<RunningProcess> {
  const command = ["pgbench", "-h", host, "-p", String(place.port), "-n", "-S", ...flags] as const;
  return await startProcess(command, { env: BENCH_ENV });
}

async function expectNoFailure(bench: RunningProcess): Promise<number> {
  const { code } = await bench.waitForExit(60_000);
  const output = bench.output();
  expect(output).not.toMatch(/error|abort|fatal/i);
  expect(output).toContain("number of failed transactions: 0");
  expect(code).toBe(0);
  return Number(/actually processed: (\d+)/.exec(output)?.[1]);
}

const testOnLinux = testWhere(process.platform === "linux", "it reads /proc");
const testSwapped = testWhere(
  process.platform === "linux" && Bun.which("pgbench") !== null,
  "it needs Linux and pgbench",
);

describe("a gateway that another takes over from", () => {
  testSwapped(
    "loses no client, whether they come and go or stay",
    async () => {
      const place = await newPlace();
      let current = await startAt(place);
      try {
        const seconds = ["-T", "12"];
        const coming = ["-C", "-c", "8", "-j", "2", ...seconds];
        await using comingByTcp = await startBench("127.0.0.1", place, ...coming);
        await using comingBySocket = await startBench(directory, place, ...coming);
        await using staying = await startBench("127.0.0.1", place, "-c", "4", ...seconds);
        const benches = [comingByTcp, comingBySocket, staying];
        while (replaced.length < SWAPS) {
          expect(benches.map(({ status }) => status)).toEqual(benches.map(() => undefined));
          const before = current;
          current = await startAt(place);
          before.process.kill("SIGTERM");
          await before.process.waitForLine("Another gateway has taken over");
          replaced.push(before);
        }
        for (const bench of benches) expect(await expectNoFailure(bench)).toBeGreaterThan(200);
        // Nobody is left with them.
        for (const { process } of replaced) {
          expect(await process.waitForExit()).toEqual({ code: 0, signal: null });
        }
      } finally {
        for (const before of replaced.splice(0)) await before[Symbol.asyncDispose]();
        await current.stop();
        await current[Symbol.asyncDispose]();
      }
      expect(existsSync(place.socket)).toBe(false);
    },
    120_000,
  );

  testOnLinux(
    "leaves everything to the other, and ends when its last client has left",
    async () => {
      const place = await newPlace();
      await using old = await startAt(place);
      const startOf = async (): Promise<number> => {
        const page = await (await fetch(place.metrics)).text();
        return Number(/^process_start_time_seconds (\S+)/m.exec(page)?.[1]);
      };
      await using idle = await connectWire({ host: "127.0.0.1", port: place.port });
      await idle.login();
      await using busy = await connectWire({ path: place.socket });
      await busy.login();
      busy.query("begin");
      await busy.messagesUntil("Z");
      const [oldSocket, oldStart] = [statSync(place.socket).ino, await startOf()];

      await using heir = await startAt(place);
      expect(statSync(place.socket).ino).not.toBe(oldSocket);
      expect(await startOf()).toBe(oldStart);
      await heir.process.waitForLine("Another gateway serves its metrics");
      old.process.kill("SIGTERM");
      await old.process.waitForLine(/Another gateway has taken over.*clients=2/);
      // Plugins hear of the signal before anything is done about it.
      expect(old.process.output(2_000)).toMatch(/Notifying the plugins[^]*has taken over/);
      expect(await waitFor("the other's page", startOf, { retryErrors: true })).not.toBe(oldStart);
      for (let count = 0; count < 20; count++) {
        const { status } = await fetch(`${place.api}/readyz`, { keepalive: false });
        expect(status).toBe(200);
      }
      for (const address of [{ path: place.socket }, { host: "127.0.0.1", port: place.port }]) {
        await using late = await connectWire(address);
        expect((await late.login()).at(-1)?.type).toBe("Z");
      }
      // Those that were there go on.
      for (const client of [idle, busy]) {
        client.query("select 1");
        expect((await client.messagesUntil("Z")).map(({ type }) => type).join("")).toBe("TDCZ");
      }
      busy.query("commit");
      await busy.messagesUntil("Z");
      await idle[Symbol.asyncDispose]();
      expect(old.process.status).toBeUndefined();
      await busy[Symbol.asyncDispose]();
      expect(await old.process.waitForExit()).toEqual({ code: 0, signal: null });
      expect(existsSync(place.socket)).toBe(true);
      await heir.stop();
      expect(existsSync(place.socket)).toBe(false);
    },
  );

  testOnLinux(
    "hears of cancel requests that reach the other, and the other way round",
    async () => {
      const place = await newPlace();
      const address = { host: "127.0.0.1", port: place.port };
      const cancelled = async (
        client: WireClient,
        key: Uint8Array,
        to = address,
      ): Promise<void> => {
        client.query("select pg_sleep(300)");
        await waitFor("a query that runs", async () => {
          const rows = await postgres.query(
            "select 1 from pg_stat_activity where query = 'select pg_sleep(300)' and state = 'active'",
          );
          return rows.length === 1;
        });
        await using canceller = await connectWire(to);
        canceller.send(cancelRequest(key));
        expect(await client.errorResponse()).toMatchObject({ code: "57014" });
        await client.messagesUntil("Z");
        await canceller.ended();
      };
      const keyOf = (greeting: readonly ServerMessage[]): Uint8Array =>
        greeting.find(({ type }) => type === "K")?.body ?? new Uint8Array(0);
      await using old = await startAt(place);
      await using client = await connectWire(address);
      const key = keyOf(await client.login());
      await using heir = await startAt(place);
      // Which of the two it reaches is up to the kernel.
      for (let count = 0; count < 6; count++) await cancelled(client, key);
      old.process.kill("SIGTERM");
      await old.process.waitForLine("Another gateway has taken over");
      for (let count = 0; count < 2; count++) await cancelled(client, key);
      await client[Symbol.asyncDispose]();
      expect(await old.process.waitForExit()).toEqual({ code: 0, signal: null });
      await heir.stop();
    },
  );

  testOnLinux(
    "tells those that stay after drainTimeout, when they are in no transaction",
    async () => {
      const place = await newPlace({ drainTimeout: "400ms" });
      await using old = await startAt(place);
      await using idle = await connectWire({ host: "127.0.0.1", port: place.port });
      await idle.login();
      await using busy = await connectWire({ host: "127.0.0.1", port: place.port });
      await busy.login();
      busy.query("begin");
      await busy.messagesUntil("Z");
      await using heir = await startAt(place);
      const beganMs = performance.now();
      old.process.kill("SIGTERM");
      expect(await idle.errorResponse()).toMatchObject({ code: "57P01" });
      expect(performance.now() - beganMs).toBeGreaterThan(390);
      busy.query("commit");
      expect(await busy.errorResponse()).toMatchObject({ code: "57P01" });
      expect(await old.process.waitForExit()).toEqual({ code: 0, signal: null });
      await heir.stop();
    },
  );

  testOnLinux(
    "drains as at any stop when nobody has taken over, and when it is told twice",
    async () => {
      const place = await newPlace();
      await using old = await startAt(place);
      await using heir = await startAt(place);
      await using staying = await connectWire({ path: place.socket });
      await staying.login();
      old.process.kill("SIGTERM");
      await old.process.waitForLine("Another gateway has taken over");
      old.process.kill("SIGTERM");
      expect(await old.process.waitForExit(3_000)).toEqual({ code: 0, signal: null });
      await using alone = await connectWire({ path: place.socket });
      await alone.login();
      heir.process.kill("SIGTERM");
      expect(await alone.errorResponse()).toMatchObject({ code: "57P01" });
      expect(await heir.process.waitForExit()).toEqual({ code: 0, signal: null });
      expect(heir.process.output()).not.toContain("taken over");
    },
  );
});
