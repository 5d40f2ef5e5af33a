import { describe, expect, test } from "bun:test";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { RecordingWaiter, poolOf } from "../../tests/fixtures/pool.ts";
import type { PoolOptions } from "./index.ts";
import { Ticket } from "./wait-queue.ts";

async function openPool(options: Partial<PoolOptions> = {}) {
  const parts = poolOf(options);
  const opening = parts.pool.open();
  await settle();
  await opening;
  const { clock, pool, server } = parts;
  return {
    ...parts,
    /** Time goes on, in steps, and everything happens that should. */
    pass: async (ms: number, stepMs = 50) => {
      for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
        clock.advance(stepMs);
        await settle();
      }
    },
    expectFull: () => {
      expect(pool.snapshot()).toMatchObject({ available: pool.options.size, retiring: 0 });
      expect(server.open).toHaveLength(pool.options.size);
    },
    closeClean: async () => {
      await pool.close();
      expect(server.open).toEqual([]);
      expect(clock.timerCount).toBe(0);
    },
  };
}

describe("a pool whose server is lost", () => {
  test("replaces a lost backend after a moment, in which the server may stop in peace", async () => {
    const parts = await openPool();
    parts.server.open[1]?.connection.terminate();
    await parts.pass(1_900);
    expect(parts.server.dials).toBe(3);
    await parts.pass(200);
    parts.expectFull();
    expect([parts.pool.isLive, parts.server.dials]).toEqual([true, 4]);
    expect(parts.logger.records.map(({ level, message }) => [level, message])).toEqual([
      ["debug", "An idle connection was closed by the server"],
      ["warn", "The server has closed idle connections"],
      ["info", "There are clients available in the pool"],
    ]);
    await parts.closeClean();
  });

  test("forgets that it was turned away once a client was served", async () => {
    const parts = await openPool({ size: 1 });
    for (let rejections = 0; rejections < 2; rejections++) {
      parts.server.open[0]?.connection.terminate();
      await settle();
      for (let passedMs = 0; passedMs < 5_000 && parts.server.open.length === 0; passedMs += 50) {
        await parts.pass(50);
      }
    }
    await parts.pass(5_000);
    parts.expectFull();
    const waiter = new RecordingWaiter("192.0.2.1:1");
    parts.pool.lease(new Ticket(waiter, parts.clock.now()));
    waiter.release(true);
    expect(parts.pool.snapshot()).toMatchObject({ available: 0, retiring: 1 });
    expect(parts.pool.isLive).toBe(true);
    await parts.pass(100);
    parts.expectFull();
    await parts.closeClean();
  });

  test("dials at once for a client that waits meanwhile", async () => {
    const parts = await openPool();
    parts.server.crash();
    parts.server.isDown = false;
    await parts.pass(10);
    const waiter = new RecordingWaiter("192.0.2.1:1");
    parts.pool.lease(new Ticket(waiter, parts.clock.now()));
    await parts.pass(50);
    expect([waiter.backend !== undefined, parts.server.dials]).toEqual([true, 4]);
    await parts.pass(2_100);
    expect(parts.pool.snapshot()).toMatchObject({ available: 2, leased: 1 });
    waiter.release(false);
    await parts.closeClean();
  });

  test.each([
    ["a blink", 3_000],
    ["a restart", 5_000],
    ["a night", 8 * 60 * 60 * 1_000],
  ])("is full again after an outage as long as %s", async (_, outageMs) => {
    const parts = await openPool({ size: 20 });
    const { server, pool } = parts;
    server.crash();
    await parts.pass(outageMs, outageMs > 60_000 ? 60_000 : 50);
    expect(pool.isLive).toBe(false);
    expect(pool.snapshot()).toMatchObject({ size: 20, available: 0, leased: 0, retiring: 0 });
    server.isDown = false;
    await parts.pass(1_500);
    parts.expectFull();
    expect(pool.isLive).toBe(true);
    await parts.closeClean();
  });

  test("is full again after many outages, with clients coming and going", async () => {
    const parts = await openPool({ size: 5 });
    for (let outage = 0; outage < 10; outage++) {
      const waiters = Array.from({ length: 4 }, (_, index) => new RecordingWaiter(`${index}`));
      for (const waiter of waiters) parts.pool.lease(new Ticket(waiter, parts.clock.now()));
      parts.server.crash();
      await parts.pass(700);
      for (const waiter of waiters) waiter.release(outage % 2 === 0);
      await parts.pass(700);
      parts.server.isDown = false;
      await parts.pass(1_500);
      parts.expectFull();
    }
    await parts.closeClean();
  });

  test("probes it one dial at a time, and no more often than once a second in the end", async () => {
    const parts = await openPool({ size: 20 });
    const { server } = parts;
    server.crash();
    await parts.pass(5_000);
    server.mostDialling = 0;
    const before = server.dials;
    await parts.pass(60_000);
    expect(server.dials - before).toBeWithin(50, 70);
    expect(server.mostDialling).toBe(1);
    await parts.closeClean();
  });

  test("says once that it is down and once that it is back", async () => {
    const parts = await openPool();
    parts.server.crash();
    await parts.pass(10_000);
    parts.server.isDown = false;
    await parts.pass(2_000);
    const { logger } = parts;
    expect(logger.count("Failed to connect to the server, trying until it answers")).toBe(1);
    expect(logger.count("The server can be reached again")).toBe(1);
    await parts.closeClean();
  });

  test("serves those who waited through the outage, in order", async () => {
    const parts = await openPool({ size: 2 });
    parts.server.crash();
    await settle();
    const served: string[] = [];
    const waiters = ["a", "b", "c"].map((name) => new RecordingWaiter(name, served));
    for (const waiter of waiters) parts.pool.lease(new Ticket(waiter, parts.clock.now()));
    await parts.pass(3_000);
    parts.server.isDown = false;
    await parts.pass(1_500);
    expect(served).toEqual(["a", "b"]);
    waiters[0]?.release(true);
    await settle();
    expect(served).toEqual(["a", "b", "c"]);
    for (const waiter of waiters.slice(1)) waiter.release(false);
    await parts.closeClean();
  });

  test("does not storm a server that closes whatever it accepts", async () => {
    const parts = await openPool();
    const { server } = parts;
    server.isRejecting = true;
    for (const { connection } of server.open) connection.close();
    await parts.pass(5_000);
    const before = server.dials;
    await parts.pass(30_000);
    expect(server.dials - before).toBeLessThan(150);
    server.isRejecting = false;
    await parts.pass(3_000);
    parts.expectFull();
    await parts.closeClean();
  });

  test("never hands out a backend that is gone", async () => {
    const parts = await openPool();
    const waiter = new RecordingWaiter("a");
    parts.server.isDown = true;
    for (const { connection } of parts.server.open) connection.terminate();
    await settle();
    parts.pool.lease(new Ticket(waiter, parts.clock.now()));
    expect(waiter.backend).toBeUndefined();
    await parts.closeClean();
  });
});

describe("recycling idle backends", () => {
  const PERIOD_MS = 60_000;

  test("replaces each before three quarters of the period are over, a tenth earlier at most", async () => {
    for (const random of [0, 0.999]) {
      const parts = await openPool({ healthCheckPeriodMs: PERIOD_MS, random: () => random });
      const old = [...parts.pool.available];
      await parts.pass(40_000, 1_000);
      expect(parts.pool.available).toEqual(old);
      await parts.pass(5_000, 1_000);
      for (const backend of old) expect(backend.connection.isOpen).toBe(false);
      parts.expectFull();
      await parts.closeClean();
    }
  });

  test("goes one by one: the next when the new one is there", async () => {
    const parts = await openPool({ size: 10, healthCheckPeriodMs: PERIOD_MS });
    const { server, clock, pool } = parts;
    const idleAtDial: number[] = [];
    server.onDial = () => idleAtDial.push(pool.snapshot().available);
    server.mostDialling = 0;
    clock.advance(45_010);
    for (let round = 0; round < 50; round++) await settle();
    expect(idleAtDial).toEqual(Array.from({ length: 10 }, () => 9));
    expect(server.mostDialling).toBe(1);
    parts.expectFull();
    await parts.closeClean();
  });

  test("goes on, period after period", async () => {
    const parts = await openPool({ healthCheckPeriodMs: PERIOD_MS });
    await parts.pass(10 * PERIOD_MS, 1_000);
    expect(parts.server.dials).toBeWithin(3 * 13, 3 * 16);
    parts.expectFull();
    await parts.closeClean();
  });

  test("leaves alone what is leased, and what is young", async () => {
    const parts = await openPool({ size: 2, healthCheckPeriodMs: PERIOD_MS });
    const waiter = new RecordingWaiter("a");
    parts.pool.lease(new Ticket(waiter, parts.clock.now()));
    await parts.pass(PERIOD_MS, 1_000);
    expect(waiter.backend?.connection.isOpen).toBe(true);
    expect(parts.server.dials).toBe(3);
    waiter.release(false);
    await parts.closeClean();
  });

  test("never happens with a period of 0", async () => {
    const parts = await openPool();
    expect(parts.clock.timerCount).toBe(0);
    await parts.pass(24 * 60 * 60 * 1_000, 60 * 60 * 1_000);
    expect(parts.server.dials).toBe(3);
    await parts.closeClean();
  });

  test("gives up no working backend while no new one can be had", async () => {
    const parts = await openPool({ size: 5, healthCheckPeriodMs: PERIOD_MS });
    parts.server.isDown = true;
    await parts.pass(50_000, 1_000);
    expect(parts.pool.snapshot().available).toBe(4);
    expect(parts.pool.isLive).toBe(true);
    parts.server.isDown = false;
    await parts.pass(10_000, 1_000);
    parts.expectFull();
    expect(parts.server.ends.slice(0, 5).some(({ connection }) => connection.isOpen)).toBe(false);
    await parts.closeClean();
  });
});

test("an idle backend is replaced before its receiveDeadline or sendDeadline", async () => {
  const parts = await openPool({ receiveDeadlineMs: 10_000, sendDeadlineMs: 20_000 });
  const [first] = parts.server.open;
  await parts.pass(8_000);
  parts.expectFull();
  expect(first?.connection.isOpen).toBe(false);
  await parts.closeClean();
});

describe("backends that are out of date", () => {
  test("are replaced when a dial has shown it: the idle ones then, leased ones afterwards", async () => {
    const stale = new Set<unknown>();
    const parts = await openPool({ isStale: ({ connection }) => stale.has(connection) });
    const waiter = new RecordingWaiter("192.0.2.1:1");
    parts.pool.lease(new Ticket(waiter, parts.clock.now()));
    const leased = parts.server.ends.find(
      ({ gatewayEnd }) => gatewayEnd === waiter.backend?.connection,
    );
    for (const { gatewayEnd } of parts.server.ends) stale.add(gatewayEnd);
    await parts.pass(5_000);
    expect(parts.server.dials).toBe(3);
    // Any dial will do; here the one for a backend that the server closed.
    parts.server.open.find((end) => end !== leased)?.connection.terminate();
    await parts.pass(5_000);
    expect([parts.server.dials, leased?.connection.isOpen]).toEqual([5, true]);
    waiter.release(false);
    await parts.pass(1_000);
    expect([parts.server.dials, leased?.connection.isOpen]).toEqual([6, false]);
    parts.expectFull();
    await parts.closeClean();
  });
});
