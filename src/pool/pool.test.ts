import { describe, expect, test } from "bun:test";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { RecordingWaiter, poolOf } from "../../tests/fixtures/pool.ts";
import { Pool } from "./index.ts";
import type { PoolOptions } from "./index.ts";
import { Ticket } from "./wait-queue.ts";

async function openPool(options: Partial<PoolOptions> = {}) {
  const parts = poolOf(options);
  const opening = parts.pool.open();
  await settle();
  await opening;
  const served: string[] = [];
  return {
    ...parts,
    served,
    /** Asks for a backend under a name. */
    ask: (name: string) => {
      const waiter = new RecordingWaiter(name, served);
      const ticket = new Ticket(waiter, parts.clock.now());
      parts.pool.lease(ticket);
      return Object.assign(waiter, { ticket });
    },
  };
}

/** Closes it and proves that nothing is left. */
async function expectClean({ pool, server, clock }: ReturnType<typeof poolOf>): Promise<void> {
  await pool.close();
  expect(server.open).toEqual([]);
  expect(clock.timerCount).toBe(0);
}

const counts = (pool: Pool) => {
  const { available, leased, retiring, waiting } = pool.snapshot();
  return { available, leased, retiring, waiting };
};

describe("filling a pool", () => {
  test("dials as many backends as it has room for, and no more", async () => {
    const parts = await openPool({ size: 5 });
    expect(counts(parts.pool)).toEqual({ available: 5, leased: 0, retiring: 0, waiting: 0 });
    expect([parts.server.dials, parts.pool.isLive]).toEqual([5, true]);
    await expectClean(parts);
  });

  test("takes a size of one for one", async () => {
    const parts = await openPool({ size: 1 });
    expect(parts.server.dials).toBe(1);
    await expectClean(parts);
  });

  test("does not storm the server", async () => {
    const parts = await openPool({ size: 100 });
    expect(parts.pool.snapshot().available).toBe(100);
    expect(parts.server.mostDialling).toBe(16);
    await expectClean(parts);
  });

  test("tries again as often as configured, pausing longer each time", async () => {
    const backoff = { backoffMs: 1_000, multiplier: 1.5, disableCaps: false };
    const { pool, server, clock, logger } = poolOf({ retries: 3, backoff });
    server.isDown = true;
    const opening = pool.open().catch((error: unknown) => error);
    const dialled: number[] = [];
    for (const pauseMs of [1_000, 1_500, 2_250]) {
      await settle();
      dialled.push(server.dials);
      clock.advance(pauseMs - 10);
      await settle();
      expect(server.dials).toBe(dialled.length);
      clock.advance(20);
    }
    await settle();
    expect(await opening).toMatchObject({
      code: "ERR_POOL_BOOT_FAILED",
      message: "failed to fill pool default.writes: the server is down",
    });
    expect([server.dials, dialled]).toEqual([4, [1, 2, 3]]);
    expect(logger.count("Failed to connect to the server, trying again")).toBe(3);
    expect(clock.timerCount).toBe(0);
  });

  test("succeeds when the server comes up in time", async () => {
    const parts = poolOf({ retries: 3 });
    parts.server.isDown = true;
    const opening = parts.pool.open();
    await settle();
    parts.server.isDown = false;
    parts.clock.advance(1_010);
    await settle();
    await opening;
    expect(parts.pool.snapshot().available).toBe(3);
    await expectClean(parts);
  });

  test("dials once for each place, though a backend is lost before it is full", async () => {
    const parts = poolOf({ size: 10, retries: 9, healthCheckPeriodMs: 1_000 });
    const { pool, server, clock } = parts;
    server.onDial = () => {
      if (server.dials !== 4) return;
      server.onDial = () => {};
      server.isDown = true;
      server.open[0]?.connection.terminate();
    };
    const opening = pool.open();
    for (let passedMs = 0; passedMs < 5_000; passedMs += 50) {
      clock.advance(50);
      await settle();
    }
    server.isDown = false;
    for (let passedMs = 0; passedMs < 60_000; passedMs += 50) {
      clock.advance(50);
      await settle();
      expect(server.open.length).toBeLessThanOrEqual(10);
    }
    await opening;
    expect([pool.snapshot().available, server.open.length]).toEqual([10, 10]);
    await expectClean(parts);
  });
});

describe("leasing", () => {
  test("hands out the backend that came last, so that the others may grow old", async () => {
    const parts = await openPool();
    const newest = parts.pool.available.at(-1);
    expect(parts.ask("a").backend).toBe(newest);
    expect(counts(parts.pool)).toEqual({ available: 2, leased: 1, retiring: 0, waiting: 0 });
    void parts.pool.close();
  });

  test("takes back what was not used as it is", async () => {
    const parts = await openPool();
    const waiter = parts.ask("a");
    const { backend } = waiter;
    waiter.release(false);
    expect(parts.pool.available).toContain(backend as never);
    expect(parts.server.dials).toBe(3);
    await expectClean(parts);
  });

  test("replaces what was used, once the server has let go of it", async () => {
    const parts = await openPool({ size: 1 });
    const { pool, server } = parts;
    server.isStubborn = true;
    parts.ask("a").release(true);
    await settle();
    expect(counts(pool)).toEqual({ available: 0, leased: 0, retiring: 1, waiting: 0 });
    expect(server.dials).toBe(1);
    server.open[0]?.connection.close();
    await settle();
    expect(counts(pool)).toEqual({ available: 1, leased: 0, retiring: 0, waiting: 0 });
    expect(server.dials).toBe(2);
    server.isStubborn = false;
    await expectClean(parts);
  });

  test("lets go of the idle ones that are not trusted any more", async () => {
    const parts = await openPool();
    const { pool, server } = parts;
    const waiter = parts.ask("a");
    const old = pool.available;
    expect(old.map(({ isFresh }) => isFresh)).toEqual([false, false]);
    pool.distrustIdle();
    const next = parts.ask("b");
    expect(next.backend).toBeUndefined();
    await settle();
    expect([next.backend?.isFresh, server.dials]).toEqual([true, 5]);
    expect(counts(pool)).toEqual({ available: 1, leased: 2, retiring: 0, waiting: 0 });
    next.release(false);
    expect(parts.ask("c").backend?.isFresh).toBe(false);
    waiter.release(false);
    void pool.close();
  });

  test.each([
    ["at once", false],
    ["after it has waited", true],
  ])("takes the backend away from a client that fails to take it %s", async (_, isWaiting) => {
    const parts = await openPool({ size: 1 });
    const { pool, server, logger, clock } = parts;
    const holder = isWaiting ? parts.ask("holder") : undefined;
    const failing = new RecordingWaiter("failing");
    failing.onLease = () => {
      throw new Error("boom");
    };
    pool.lease(new Ticket(failing, clock.now()));
    const next = parts.ask("next");
    holder?.release(false);
    await settle();
    expect(failing.error?.code).toBe("ERR_INTERNAL");
    expect(logger.count("A client could not take its backend")).toBe(1);
    expect(logger.records).toContainEqual(
      expect.objectContaining({
        message: "A client could not take its backend",
        fields: expect.objectContaining({ connectionId: "failing" }),
      }),
    );
    expect([next.backend?.isFresh, server.dials]).toEqual([true, 2]);
    next.release(false);
    await expectClean(parts);
  });

  test("ignores a backend that is given back twice", async () => {
    const parts = await openPool();
    const waiter = parts.ask("a");
    const { backend } = waiter;
    waiter.release(false);
    if (backend !== undefined) parts.pool.release(backend);
    expect(counts(parts.pool)).toEqual({ available: 3, leased: 0, retiring: 0, waiting: 0 });
    await expectClean(parts);
  });

  test("never opens more backends than its size, whatever the traffic", async () => {
    const parts = await openPool({ size: 4 });
    for (let round = 0; round < 20; round++) {
      const waiters = Array.from({ length: 10 }, (_, index) => parts.ask(`${round}.${index}`));
      for (let served = 0; served < waiters.length;) {
        for (const waiter of waiters.filter(({ backend }) => backend !== undefined)) {
          waiter.release(served++ % 3 > 0);
        }
        expect(parts.server.open.length).toBeLessThanOrEqual(4);
        await settle();
      }
    }
    expect(counts(parts.pool)).toEqual({ available: 4, leased: 0, retiring: 0, waiting: 0 });
    await expectClean(parts);
  });
});

describe("waiting", () => {
  test("is first come, first served", async () => {
    const parts = await openPool({ size: 1 });
    const holder = parts.ask("holder");
    const waiters = ["a", "b", "c"].map((name) => parts.ask(name));
    expect(parts.pool.leasedCount).toBe(4);
    holder.release(true);
    await settle();
    waiters[0]?.release(false);
    waiters[1]?.release(true);
    await settle();
    expect(parts.served).toEqual(["holder", "a", "b", "c"]);
    waiters[2]?.release(false);
    await expectClean(parts);
  });

  test("ends after the queue timeout, each at its own time", async () => {
    const parts = await openPool({ size: 1, queueTimeoutMs: 5_000 });
    const holder = parts.ask("holder");
    const first = parts.ask("first");
    parts.clock.advance(2_000);
    const second = parts.ask("second");
    parts.clock.advance(2_990);
    expect(first.error).toBeUndefined();
    parts.clock.advance(20);
    expect(first.error).toMatchObject({ code: "ERR_POOL_EXHAUSTED" });
    expect(second.error).toBeUndefined();
    parts.clock.advance(2_000);
    expect(second.error).toMatchObject({ code: "ERR_POOL_EXHAUSTED" });
    expect(parts.pool.snapshot().waiting).toBe(0);
    holder.release(false);
    await expectClean(parts);
  });

  test("ends with another error when the server cannot be reached", async () => {
    const parts = await openPool({ size: 1, queueTimeoutMs: 5_000 });
    parts.server.crash();
    await settle();
    const waiter = parts.ask("a");
    for (let passedMs = 0; passedMs <= 5_000; passedMs += 50) {
      parts.clock.advance(50);
      await settle();
    }
    expect(waiter.error).toMatchObject({ code: "ERR_SERVER_UNREACHABLE" });
    await expectClean(parts);
  });

  test("ends for the others, too, when one fails to hear of it", async () => {
    const parts = await openPool({ size: 1, queueTimeoutMs: 5_000 });
    const holder = parts.ask("holder");
    const broken = parts.ask("broken");
    broken.onLeaseFailed = () => {
      throw new Error("broken");
    };
    const other = parts.ask("other");
    parts.clock.advance(1_000);
    const later = parts.ask("later");
    expect(() => parts.clock.advance(4_050)).toThrow("broken");
    parts.clock.advance(50);
    expect([other.error, later.error]).toEqual([
      expect.objectContaining({ code: "ERR_POOL_EXHAUSTED" }),
      undefined,
    ]);
    parts.clock.advance(1_000);
    expect(later.error).toMatchObject({ code: "ERR_POOL_EXHAUSTED" });
    holder.release(false);
    await expectClean(parts);
  });

  test("is for ever without a timeout", async () => {
    const parts = await openPool({ size: 1 });
    const holder = parts.ask("holder");
    const waiter = parts.ask("a");
    parts.clock.advance(1_000_000_000);
    expect(waiter.error).toBeUndefined();
    holder.release(true);
    await settle();
    expect(waiter.backend).toBeDefined();
    waiter.release(false);
    await expectClean(parts);
  });

  test("is refused to more than `maxWaiting`", async () => {
    const parts = await openPool({ size: 1, maxWaiting: 2 });
    const holder = parts.ask("holder");
    const waiters = ["a", "b", "c"].map((name) => parts.ask(name));
    expect(waiters.map(({ error }) => error?.code)).toEqual([
      undefined,
      undefined,
      "ERR_QUEUE_FULL",
    ]);
    holder.release(false);
    waiters[0]?.release(false);
    waiters[1]?.release(false);
    await expectClean(parts);
  });

  test("ends without a word for whoever withdraws", async () => {
    const parts = await openPool({ size: 1, queueTimeoutMs: 5_000 });
    const holder = parts.ask("holder");
    const [a, b, c] = [parts.ask("a"), parts.ask("b"), parts.ask("c")];
    parts.pool.withdraw(b.ticket);
    parts.pool.withdraw(a.ticket);
    parts.pool.withdraw(a.ticket);
    expect(parts.pool.snapshot().waiting).toBe(1);
    holder.release(false);
    expect(parts.served).toEqual(["holder", "c"]);
    parts.clock.advance(10_000);
    expect([a.error, b.error]).toEqual([undefined, undefined]);
    c.release(false);
    await expectClean(parts);
  });
});

describe("closing a pool", () => {
  test("fails the waiters, and waits for the leased and for the server", async () => {
    const parts = await openPool({ size: 2 });
    const [one, two] = [parts.ask("one"), parts.ask("two")];
    const waiter = parts.ask("waiter");
    let isClosed = false;
    const closing = parts.pool.close().then(() => {
      isClosed = true;
    });
    expect(waiter.error).toMatchObject({ code: "ERR_SHUTTING_DOWN" });
    one.release(true);
    await settle();
    expect(isClosed).toBe(false);
    parts.server.isStubborn = true;
    two.release(false);
    await settle();
    expect(isClosed).toBe(false);
    parts.server.open[0]?.connection.close();
    await closing;
    expect(parts.server.open).toEqual([]);
    expect(parts.server.dials).toBe(2);
    expect(parts.clock.timerCount).toBe(0);
  });

  test("ends the pauses of one that is being filled", async () => {
    const { pool, server, clock } = poolOf({ size: 5, retries: 9 });
    server.isDown = true;
    const opening = pool.open().catch((error: unknown) => error);
    await settle();
    await pool.close();
    expect(await opening).toMatchObject({ code: "ERR_SHUTTING_DOWN" });
    clock.advance(100_000);
    expect([server.dials, clock.timerCount]).toEqual([1, 0]);
  });

  test("waits for the dials of one that is being filled, and keeps none of them", async () => {
    const parts = poolOf({ size: 5 });
    const { server } = parts;
    const { promise, resolve } = Promise.withResolvers<void>();
    const pool = new Pool({
      ...parts.pool.options,
      dial: async () => {
        if (server.dials > 0) await promise;
        return server.dial();
      },
    });
    const opening = pool.open().catch((error: unknown) => error);
    await settle();
    let closed = 0;
    const closings = [pool.close(), pool.close()].map((closing) => closing.then(() => closed++));
    await settle();
    expect(closed).toBe(0);
    resolve();
    await Promise.all(closings);
    expect(await opening).toMatchObject({ code: "ERR_SHUTTING_DOWN" });
    expect([server.dials, server.open.length, parts.clock.timerCount]).toEqual([5, 0, 0]);
  });

  test("refuses those who come later", async () => {
    const parts = await openPool();
    await parts.pool.close();
    expect(parts.ask("late").error).toMatchObject({ code: "ERR_SHUTTING_DOWN" });
  });

  test("stops looking for a server that is down", async () => {
    const parts = await openPool();
    parts.server.crash();
    await settle();
    await expectClean(parts);
    const { dials } = parts.server;
    parts.clock.advance(100_000);
    expect(parts.server.dials).toBe(dials);
  });
});
