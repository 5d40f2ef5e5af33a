import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import {
  connectionsToPort,
  connectWire,
  expectIdle,
  expectSameDescriptors,
  frontendMessage,
  type GatewaydProcess,
  oneBlockConfig,
  openDescriptors,
  type PostgresServer,
  residentMiB,
  runToEnd,
  startGatewayd,
  startPostgres,
  startProcess,
  startupPacket,
  testNeeding,
  waitFor,
} from "../kit/index.ts";

const POOL_SIZE = 24;

let postgres: PostgresServer;
let gatewayd: GatewaydProcess;

beforeAll(async () => {
  postgres = await startPostgres({ maxConnections: 100 });
  gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, { pool: { size: POOL_SIZE } }),
  });
}, 60_000);

afterAll(async () => {
  await gatewayd.stop();
  await gatewayd[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

async function untilFull(): Promise<void> {
  await waitFor(
    "a full pool",
    () => connectionsToPort(gatewayd.process.pid, postgres.port) === POOL_SIZE,
    { deadlineMs: 20_000 },
  );
}

/** So many clients, eight at a time: each logs in, asks, and leaves in one of four ways. */
async function churn(rounds: number): Promise<void> {
  let started = 0;
  const worker = async (): Promise<void> => {
    while (started < rounds) {
      const way = started++ % 4;
      await using client = await connectWire(gatewayd);
      if (way === 3) continue; // Leaves without a word.
      await client.login();
      client.query("select 1");
      if (way === 0) await client.messagesUntil("Z");
      if (way === 1) client.reset();
      if (way === 2) {
        client.send(frontendMessage("X", ""));
        await client.ended();
      }
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

test("1,000 clients that come and go leave sockets and memory as they were", async () => {
  const { pid } = gatewayd.process;
  // The first rounds fill what is kept for good: compiled code, buffers, the allocator's arenas.
  await churn(1_000);
  await untilFull();
  const before = openDescriptors(pid);
  const beforeMiB = residentMiB(pid);
  // What the collector has not come to yet goes in a later round; what leaks grows with each of them.
  let growthMiB = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5 && growthMiB >= 16; round++) {
    await churn(1_000);
    await untilFull();
    await expectSameDescriptors(pid, before);
    await expectIdle(pid);
    growthMiB = residentMiB(pid) - beforeMiB;
  }
  expect(growthMiB).toBeLessThan(16);
});

testNeeding("pgbench")(
  "ten killed pgbench runs in a row: the next has no failed transaction",
  async () => {
    const { pid } = gatewayd.process;
    const env = {
      PATH: process.env["PATH"],
      PGUSER: "postgres",
      PGDATABASE: "postgres",
      PGSSLMODE: "disable",
    };
    const init = ["pgbench", "-i", "-q", "-h", postgres.host, "-p", String(postgres.port)] as const;
    expect((await runToEnd(init, { env })).code).toBe(0);
    const through = [
      "-h",
      gatewayd.host,
      "-p",
      String(gatewayd.port),
      "-n",
      "-S",
      "-c",
      "20",
      "-j",
      "2",
    ];
    await untilFull();
    const before = openDescriptors(pid);
    for (let round = 0; round < 10; round++) {
      await using bench = await startProcess(["pgbench", ...through, "-T", "60"], { env });
      await waitFor("its clients to be at work", async () => {
        const rows = await postgres.query(
          "select 1 from pg_stat_activity where application_name = 'pgbench'",
        );
        return rows.length === 20;
      });
      bench.kill("SIGKILL");
      await bench.waitForExit();
    }
    const result = await runToEnd(["pgbench", ...through, "-t", "200"], { env });
    expect(result.stderr).not.toContain("error");
    expect(result.stdout).toContain("number of transactions actually processed: 4000/4000");
    expect(result.stdout).toContain("number of failed transactions: 0");
    expect(result.code).toBe(0);
    await untilFull();
    await expectSameDescriptors(pid, before);
  },
);

test("a slow reader of a 300 MB result makes the server wait, not the gateway grow", async () => {
  const { pid } = gatewayd.process;
  await untilFull();
  const beforeMiB = residentMiB(pid);
  const socket = connect({ host: gatewayd.host, port: gatewayd.port });
  let receivedBytes = 0;
  let hasEnded = false;
  socket.on("data", (bytes) => (receivedBytes += bytes.length));
  socket.on("close", () => {
    hasEnded = true;
  });
  socket.write(startupPacket({ user: "postgres", database: "postgres", application_name: "slow" }));
  await waitFor("the login", () => receivedBytes > 300);
  receivedBytes = 0;
  socket.pause();
  socket.write(frontendMessage("Q", "select repeat('x', 1000000) from generate_series(1, 300)\0"));
  await waitFor("the server to wait for its client", async () => {
    const rows = await postgres.query(
      "select 1 from pg_stat_activity where application_name = 'slow' and wait_event = 'ClientWrite'",
    );
    return rows.length === 1;
  });
  expect(residentMiB(pid) - beforeMiB).toBeLessThan(32);
  // Others are served meanwhile.
  await using other = await connectWire(gatewayd);
  await other.login();
  socket.resume();
  let peakMiB = 0;
  await waitFor("the whole result", () => {
    peakMiB = Math.max(peakMiB, residentMiB(pid));
    return receivedBytes > 300_000_000;
  });
  expect(peakMiB - beforeMiB).toBeLessThan(96);
  socket.end(frontendMessage("X", ""));
  await waitFor("the end", () => hasEnded);
});
