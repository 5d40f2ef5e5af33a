import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  connectWire,
  expectIdle,
  expectSameDescriptors,
  GATEWAYD_BINARY,
  type GatewaydProcess,
  oneBlockConfig,
  openDescriptors,
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
  await postgres[Symbol.asyncDispose]();
});

async function startWith(
  pool: Readonly<Record<string, unknown>>,
  server: Readonly<Record<string, unknown>> = {},
): Promise<GatewaydProcess> {
  return await startGatewayd({ config: oneBlockConfig(postgres.address, { pool, server }) });
}

async function loggedIn(gatewayd: GatewaydProcess): Promise<WireClient> {
  const client = await connectWire(gatewayd);
  await client.login();
  return client;
}

/** Connects a client that waits: its startup is sent, and the gateway has accepted it. */
async function waiting(gatewayd: GatewaydProcess): Promise<WireClient> {
  const before = openDescriptors(gatewayd.process.pid).sockets;
  const client = await connectWire(gatewayd);
  client.startup();
  await waitFor("the client to be accepted", () => {
    return openDescriptors(gatewayd.process.pid).sockets > before;
  });
  return client;
}

async function untilServed(client: WireClient): Promise<void> {
  await client.messagesUntil("Z");
}

describe("with every backend leased", () => {
  test("clients wait and are served in the order they came", async () => {
    await using gatewayd = await startWith({ size: 1 });
    let holder = await loggedIn(gatewayd);
    const queue: WireClient[] = [];
    for (let place = 0; place < 5; place++) queue.push(await waiting(gatewayd));
    for (const [place, client] of queue.entries()) {
      holder.end();
      await untilServed(client);
      for (const behind of queue.slice(place + 1)) expect(behind.received.length).toBe(0);
      holder = client;
    }
    await using _last = holder;
    await gatewayd.stop();
  });

  test("a client that leaves the queue gives up its place", async () => {
    await using gatewayd = await startWith({ size: 1 });
    await using holder = await loggedIn(gatewayd);
    const before = openDescriptors(gatewayd.process.pid);
    const closing = await waiting(gatewayd);
    const resetting = await waiting(gatewayd);
    const halfClosing = await waiting(gatewayd);
    await using last = await waiting(gatewayd);
    await closing[Symbol.asyncDispose]();
    resetting.reset();
    halfClosing.end();
    await waitFor("the leavers to be gone", () => {
      return openDescriptors(gatewayd.process.pid).sockets === before.sockets + 1;
    });
    holder.end();
    await untilServed(last);
    await gatewayd.stop();
  });

  test("a client that waited for queueTimeout gets FATAL 53300 and a closed connection", async () => {
    await using gatewayd = await startWith({ size: 1, queueTimeout: "300ms" });
    await using holder = await loggedIn(gatewayd);
    const before = openDescriptors(gatewayd.process.pid);
    const start = performance.now();
    await using client = await waiting(gatewayd);
    expect(await client.errorResponse()).toMatchObject({
      severity: "FATAL",
      code: "53300",
      message: "no server connection became free in time",
    });
    expect(performance.now() - start).toBeGreaterThan(250);
    await client.ended();
    await expectSameDescriptors(gatewayd.process.pid, before);
    holder.query("select 1");
    await untilServed(holder);
    await gatewayd.stop();
  });

  test("the client beyond maxWaiting gets FATAL 53300 at once", async () => {
    await using gatewayd = await startWith({ size: 1, maxWaiting: 1 });
    await using holder = await loggedIn(gatewayd);
    await using first = await waiting(gatewayd);
    await using second = await connectWire(gatewayd);
    second.startup();
    expect(await second.errorResponse()).toMatchObject({
      severity: "FATAL",
      code: "53300",
      message: "too many clients are waiting for a server connection",
    });
    await second.ended();
    holder.end();
    await untilServed(first);
    await gatewayd.stop();
  });

  test("a client that waits may have sent its first query already", async () => {
    await using gatewayd = await startWith({ size: 1 });
    await using holder = await loggedIn(gatewayd);
    await using client = await waiting(gatewayd);
    client.query("select 'asked early'");
    holder.end();
    await untilServed(client);
    const [, row] = await client.messagesUntil("Z");
    expect(row?.body.toString()).toEndWith("asked early");
    await gatewayd.stop();
  });
});

describe("beyond maxConnections", () => {
  test("a client gets FATAL 53300 after its StartupMessage, not before", async () => {
    await using gatewayd = await startWith({ size: 4 }, { maxConnections: 2 });
    await using one = await loggedIn(gatewayd);
    await using two = await loggedIn(gatewayd);
    const before = openDescriptors(gatewayd.process.pid);
    await using third = await connectWire(gatewayd);
    third.send(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
    expect((await third.bytes(1)).toString()).toBe("N");
    expect(third.received.length).toBe(0);
    third.startup();
    expect(await third.errorResponse()).toMatchObject({
      severity: "FATAL",
      code: "53300",
      message: "too many clients already",
    });
    await third.ended();
    await expectSameDescriptors(gatewayd.process.pid, before);
    one.end();
    await waitFor("room for another", () => {
      return openDescriptors(gatewayd.process.pid).sockets < before.sockets;
    });
    await using fourth = await loggedIn(gatewayd);
    for (const client of [two, fourth]) {
      client.query("select 1");
      await untilServed(client);
    }
    await gatewayd.stop();
  });
});

describe("with 256 open files", () => {
  test("maxConnections is lowered, said so, and kept without spinning", async () => {
    const directory = await mkdtemp(join(tmpdir(), "gatewayd-limit-"));
    const limited = join(directory, "limited");
    await writeFile(limited, `#!/bin/sh\nulimit -n 256\nexec '${GATEWAYD_BINARY}' "$@"\n`);
    await chmod(limited, 0o755);
    await using gatewayd = await startGatewayd({
      binary: limited,
      config: oneBlockConfig(postgres.address, { pool: { size: 20 } }),
    });
    await rm(directory, { recursive: true });
    const line = await gatewayd.process.waitForLine("maxConnections is lowered");
    const allowed = Number(/maxConnections=(\d+)/.exec(line)?.[1]);
    expect(allowed).toBe(256 - 20 - 64 - 64);

    const before = openDescriptors(gatewayd.process.pid);
    const attempts = await Promise.allSettled(
      Array.from({ length: 300 }, async () => {
        const client = await connectWire(gatewayd);
        client.startup();
        return client;
      }),
    );
    // Those who may wait do, 64 of the others are told why not, and the rest are cut off at once.
    const clients = attempts.flatMap((attempt) =>
      attempt.status === "fulfilled" ? [attempt.value] : [],
    );
    await waitFor("the others to be refused", () => {
      return clients.filter((client) => !client.hasEnded).length === allowed;
    });
    const codes = clients.flatMap(
      ({ received }) => /C(53\d{3})/.exec(received.toString())?.[1] ?? [],
    );
    expect(new Set(codes)).toEqual(new Set(["53300"]));
    expect(openDescriptors(gatewayd.process.pid).total).toBeLessThan(256);
    await expectIdle(gatewayd.process.pid);
    for (const client of clients) client.reset();
    await expectSameDescriptors(gatewayd.process.pid, before);
    await using next = await loggedIn(gatewayd);
    next.query("select 1");
    await untilServed(next);
    await gatewayd.stop();
  });
});
