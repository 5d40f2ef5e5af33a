import { describe, expect, test } from "bun:test";
import { RecordingClient, flush, pairOf, sharedPoolOf } from "../../tests/fixtures/shared-pool.ts";

const counts = (pool: ReturnType<typeof sharedPoolOf>["pool"]) => {
  const { idle, leased, connecting, retiring, waiting } = pool.snapshot();
  return { idle, leased, connecting, retiring, waiting };
};

describe("leasing from a shared pool", () => {
  test("makes a backend for the first client of a pair, and keeps it for the next", async () => {
    const { ask, server, pool, closeClean } = sharedPoolOf();
    const first = ask("a");
    expect(counts(pool)).toMatchObject({ connecting: 1, waiting: 1 });
    await flush();
    expect(first.slot?.backend.pair).toEqual(pairOf("a"));
    first.release();
    const second = ask("a");
    expect([second.slot !== undefined, server.attempts]).toEqual([true, 1]);
    second.release();
    await closeClean();
  });

  test("hands an idle backend over in the same call, the one that came back last", async () => {
    const { ask, clock, closeClean } = sharedPoolOf();
    const clients = [ask("a1"), ask("a2"), ask("a3")];
    await flush();
    const last = clients[1]?.slot;
    for (const index of [0, 2, 1]) {
      clients[index]?.release();
      clock.advance(1);
    }
    const next = ask("a4");
    expect(next.slot).toBe(last);
    next.release();
    await closeClean();
  });

  test("serves the waiters of a pair in the order they came", async () => {
    const { ask, served, closeClean } = sharedPoolOf({ size: 1 });
    const holder = ask("a0");
    await flush();
    const clients = [ask("a1"), ask("a2"), ask("a3")];
    clients[1]?.ticket.withdraw();
    holder.release();
    clients[0]?.release();
    expect(served).toEqual(["a0", "a1", "a3"]);
    clients[2]?.release();
    await closeClean();
  });

  test("makes as many backends as there are clients without one, and size at most", async () => {
    const { ask, server, closeClean, pool } = sharedPoolOf({ size: 4 });
    const clients = Array.from({ length: 10 }, (_, index) => ask(`a${index}`));
    await flush();
    expect(server.attempts).toBe(4);
    expect(counts(pool)).toEqual({ idle: 0, leased: 4, connecting: 0, retiring: 0, waiting: 6 });
    for (const client of clients) client.release();
    expect(server.attempts).toBe(4);
    await closeClean();
  });

  test("does not storm the server", async () => {
    const { ask, server, closeClean } = sharedPoolOf({ size: 100 });
    const clients = Array.from({ length: 100 }, (_, index) => ask(`a${index}`));
    await flush();
    await flush();
    await flush();
    expect([server.mostConnecting, server.open.length]).toEqual([16, 100]);
    for (const client of clients) client.release();
    await closeClean();
  });

  test("gives up on a client whose time is up, and says why", async () => {
    const { ask, clock, closeClean } = sharedPoolOf({ size: 1, queueTimeoutMs: 5_000 });
    const holder = ask("a1");
    await flush();
    const waiter = ask("a2");
    clock.advance(4_990);
    expect(waiter.error).toBeUndefined();
    clock.advance(20);
    expect(waiter.error).toMatchObject({ code: "ERR_POOL_EXHAUSTED" });
    holder.release();
    expect(waiter.slot).toBeUndefined();
    await closeClean();
  });

  test("refuses more waiters than may wait, over all pairs", async () => {
    const { ask, closeClean } = sharedPoolOf({ size: 1, maxWaiting: 2 });
    const holder = ask("a1");
    await flush();
    const waiters = [ask("a2"), ask("b1"), ask("c1")];
    expect(waiters.map(({ error }) => error?.code)).toEqual([
      undefined,
      undefined,
      "ERR_QUEUE_FULL",
    ]);
    for (const { ticket } of waiters) ticket.withdraw();
    holder.release();
    await closeClean();
  });

  test("tells a client once that it waits long", async () => {
    const { ask, pass, closeClean } = sharedPoolOf({ size: 1, longWaitMs: 3_000 });
    const holder = ask("a1");
    await flush();
    const [first, second] = [ask("a2"), ask("a3")];
    await pass(2_900);
    expect([first.longWaits, second.longWaits]).toEqual([0, 0]);
    await pass(5_000, 100);
    expect([first.longWaits, second.longWaits]).toEqual([1, 1]);
    holder.release();
    first.release();
    second.release();
    // The next lease of the same session is another wait.
    const { lane } = second.ticket;
    const blocker = ask("a4");
    lane?.lease(second.ticket);
    await pass(3_200, 100);
    expect(second.longWaits).toBe(2);
    blocker.release();
    second.release();
    await closeClean();
  });

  test("takes the backend away from a client that cannot take it", async () => {
    const { ask, pool, logger, server, closeClean } = sharedPoolOf();
    const broken = new RecordingClient("a1");
    broken.onLease = () => {
      throw new Error("no");
    };
    pool.lane(pairOf("a")).lease(broken.ticket);
    await flush();
    expect(broken.error).toMatchObject({ code: "ERR_INTERNAL" });
    expect(logger.count("A client could not take its backend")).toBe(1);
    expect(logger.records).toContainEqual(
      expect.objectContaining({
        message: "A client could not take its backend",
        fields: expect.objectContaining({ connectionId: "a1" }),
      }),
    );
    expect(server.open).toEqual([]);
    const next = ask("a2");
    await flush();
    next.release();
    await closeClean();
  });
});

describe("giving a backend back", () => {
  test("counts a broken one until the server has let go of it", async () => {
    const { ask, server, pool, pass, closeClean } = sharedPoolOf({ size: 1 });
    server.letGoMs = 1_000;
    const first = ask("a1");
    await flush();
    const second = ask("a2");
    first.release("broken");
    await flush();
    expect(counts(pool)).toMatchObject({ leased: 0, retiring: 1, connecting: 0, waiting: 1 });
    await pass(1_010);
    expect(second.slot?.backend.isOpen).toBe(true);
    second.release();
    await closeClean();
  });

  test("does not hand on one that is closed", async () => {
    const { ask, server, closeClean } = sharedPoolOf({ size: 1 });
    const first = ask("a1");
    await flush();
    const second = ask("a2");
    server.open[0]?.lose();
    first.release("clean");
    await flush();
    expect(second.slot?.backend.isOpen).toBe(true);
    second.release();
    await closeClean();
  });

  test("does nothing the second time", async () => {
    const { ask, pool, closeClean } = sharedPoolOf({ size: 1 });
    const client = ask("a1");
    await flush();
    const { slot } = client;
    client.release();
    slot?.release("clean");
    slot?.release("broken");
    expect(counts(pool)).toMatchObject({ idle: 1, leased: 0, retiring: 0 });
    await closeClean();
  });

  test("retires one that is stale", async () => {
    const stale = new Set<unknown>();
    const { ask, server, closeClean } = sharedPoolOf({ isStale: (backend) => stale.has(backend) });
    const client = ask("a1");
    await flush();
    stale.add(client.slot?.backend);
    client.release();
    expect(server.open).toEqual([]);
    await closeClean();
  });
});

describe("room for another pair", () => {
  test("is made of the backend that was idle for longest, at once for a pair that has none", async () => {
    const { ask, clock, server, closeClean } = sharedPoolOf({ size: 3 });
    const clients = [ask("a1"), ask("b1"), ask("c1")];
    await flush();
    for (const index of [1, 0, 2]) {
      clients[index]?.release();
      clock.advance(10);
    }
    const next = ask("d1");
    await flush();
    expect(server.backends.map(({ isOpen }) => isOpen)).toEqual([true, false, true, true]);
    next.release();
    await closeClean();
  });

  test("is made as soon as a backend comes back that its own pair does not need", async () => {
    const { ask, served, closeClean } = sharedPoolOf({ size: 1 });
    const first = ask("a1");
    await flush();
    const second = ask("b1");
    first.release();
    await flush();
    expect(served).toEqual(["a1", "b1"]);
    second.release();
    await closeClean();
  });

  test("is not made of an idle backend when a place becomes free anyway", async () => {
    const { ask, server, pass, closeClean } = sharedPoolOf({ size: 2 });
    const clients = [ask("a1"), ask("b1")];
    await flush();
    server.letGoMs = 500;
    clients[0]?.release("broken");
    const waiter = ask("a2");
    clients[1]?.release();
    await pass(400);
    expect(server.backends[1]?.isOpen).toBe(true);
    await pass(110);
    waiter.release();
    await closeClean();
  });
});

describe("lanes", () => {
  test("tell pairs apart by user, database and key", async () => {
    const { pool, server, closeClean } = sharedPoolOf({ size: 4 });
    const pairs = [
      { user: "u", database: "d", key: "" },
      { user: "u", database: "d", key: "x" },
      { user: "u", database: "e", key: "" },
      { user: "v", database: "d", key: "" },
    ];
    const clients = pairs.map((pair) => {
      const client = new RecordingClient(pair.user);
      pool.lane({ ...pair }).lease(client.ticket);
      return client;
    });
    await flush();
    expect(clients.map(({ slot }) => slot?.lane.pair)).toEqual(pairs);
    expect(server.attempts).toBe(4);
    for (const client of clients) client.release();
    await closeClean();
  });

  test("are forgotten when they are empty", async () => {
    const { pool, ask, closeClean } = sharedPoolOf({ size: 2, maxWaiting: 1 });
    pool.lane(pairOf("z"));
    for (let index = 0; index < 50; index++) {
      const client = new RecordingClient("x");
      pool.lane({ user: `u${index}`, database: "d", key: "" }).lease(client.ticket);
      await flush();
      client.release();
    }
    expect(pool.snapshot().pairs.map(({ user }) => user)).toEqual(["u48", "u49"]);
    const holders = [ask("a")];
    await flush();
    holders.push(ask("b"));
    await flush();
    const waiter = ask("c");
    ask("d");
    waiter.ticket.withdraw();
    expect(pool.snapshot().pairs.map(({ user }) => user)).toEqual(["a", "b"]);
    for (const holder of holders) holder.release();
    await closeClean();
  });

  test("that were forgotten lead to the one that took their place", async () => {
    const { pool, server, served, closeClean } = sharedPoolOf({ size: 1 });
    const [old, other] = [pool.lane(pairOf("a")), pool.lane(pairOf("a"))];
    const first = new RecordingClient("first", served);
    const second = new RecordingClient("second", served);
    const third = new RecordingClient("third", served);
    other.lease(first.ticket);
    old.lease(second.ticket);
    await flush();
    old.lease(third.ticket);
    first.release();
    expect(second.slot?.lane).toBe(other);
    second.release();
    third.release();
    expect([served, server.attempts]).toEqual([["first", "second", "third"], 1]);
    await closeClean();
  });
});

describe("pausing and replacing", () => {
  test("leases nothing while it is paused, and serves those who waited afterwards", async () => {
    const { pool, ask, served, server, closeClean } = sharedPoolOf({ size: 2 });
    const holder = ask("a0");
    await flush();
    pool.pause();
    holder.release();
    const clients = [ask("a1"), ask("a2"), ask("b1")];
    await flush();
    expect([served, server.attempts]).toEqual([["a0"], 1]);
    pool.resume();
    await flush();
    expect(served).toEqual(["a0", "a1", "b1"]);
    for (const client of [clients[0], clients[2], clients[1]]) client?.release();
    expect(served.at(-1)).toBe("a2");
    await closeClean();
  });

  test("lets nobody in before those who waited", async () => {
    const { pool, ask, served, closeClean } = sharedPoolOf({ size: 2 });
    const holders = [ask("a1"), ask("a2")];
    await flush();
    pool.pause();
    for (const holder of holders) holder.release();
    const [pushy, patient] = [ask("a3"), ask("a4")];
    const late = new RecordingClient("a5", served);
    const takeSlot = pushy.onLease.bind(pushy);
    pushy.onLease = (slot) => {
      takeSlot(slot);
      slot.lane.lease(late.ticket);
    };
    pool.resume();
    expect(served.slice(2)).toEqual(["a3", "a4"]);
    patient.release();
    pushy.release();
    late.release();
    await closeClean();
  });

  test("replaces idle backends now, leased ones when they come back", async () => {
    const { pool, ask, server, closeClean } = sharedPoolOf({ size: 3 });
    const [idle, leased] = [ask("a1"), ask("a2")];
    await flush();
    idle.release();
    server.loginMs = 10;
    const late = ask("b1");
    const old = [...server.backends];
    pool.reconnect();
    expect(old.map(({ isOpen }) => isOpen)).toEqual([false, true]);
    leased.release();
    expect(old[1]?.isOpen).toBe(false);
    late.ticket.withdraw();
    await closeClean();
  });

  test("does not use a backend whose login began before", async () => {
    const { pool, ask, server, pass, closeClean } = sharedPoolOf();
    server.loginMs = 50;
    const client = ask("a1");
    await pass(20);
    pool.reconnect();
    await pass(100);
    expect(server.attempts).toBe(2);
    expect(client.slot?.backend).toBe(server.backends[1]);
    client.release();
    await closeClean();
  });
});

describe("closing a shared pool", () => {
  test("fails those who wait, and resolves when the last backend is gone", async () => {
    const { pool, ask, server, clock } = sharedPoolOf({ size: 1 });
    server.letGoMs = 200;
    const holder = ask("a1");
    await flush();
    const waiters = [ask("a2"), ask("b1")];
    let isClosed = false;
    const closing = pool.close().then(() => (isClosed = true));
    await flush();
    expect(waiters.map(({ error }) => error?.code)).toEqual([
      "ERR_SHUTTING_DOWN",
      "ERR_SHUTTING_DOWN",
    ]);
    expect(ask("a3").error?.code).toBe("ERR_SHUTTING_DOWN");
    holder.release();
    await flush();
    expect(isClosed).toBe(false);
    clock.advance(200);
    await closing;
    expect([server.open, clock.timerCount]).toEqual([[], 0]);
  });

  test("waits for a login that goes on, and keeps nothing of it", async () => {
    const { pool, ask, server, clock } = sharedPoolOf();
    server.loginMs = 1_000;
    ask("a1");
    await pool.close();
    expect([server.connecting, server.open, clock.timerCount]).toEqual([0, [], 0]);
  });
});

test("a snapshot counts in all and for each pair", async () => {
  const { pool, ask, server, clock, closeClean } = sharedPoolOf({ size: 3 });
  server.letGoMs = 100;
  const clients = [ask("a1"), ask("a2"), ask("b1")];
  await flush();
  clients[0]?.release();
  clients[2]?.release("broken");
  ask("b2");
  clock.advance(30);
  expect(pool.snapshot()).toMatchObject({
    size: 3,
    idle: 1,
    leased: 1,
    connecting: 0,
    retiring: 1,
    waiting: 1,
    oldestWaitMs: 30,
    pairs: [
      { user: "a", idle: 1, leased: 1, retiring: 0, waiting: 0, oldestWaitMs: 0 },
      { user: "b", idle: 0, leased: 0, retiring: 1, waiting: 1, oldestWaitMs: 30 },
    ],
  });
  expect(pool.leasedCount).toBe(2);
  clients[1]?.release();
  await closeClean();
});
