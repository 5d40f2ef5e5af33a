import { describe, expect, test } from "bun:test";
import { flush, pairOf, sharedPoolOf } from "../../tests/fixtures/shared-pool.ts";
import type { FakeBackend } from "../../tests/fixtures/shared-pool.ts";
import type { SharedPoolOptions } from "./shared-pool-options.ts";

/** A pool with so many idle backends of one pair. */
async function idlePool(count: number, options: Partial<SharedPoolOptions<FakeBackend>> = {}) {
  const parts = sharedPoolOf({ size: 10, ...options });
  const clients = Array.from({ length: count }, (_, index) => parts.ask(`a${index}`));
  await flush();
  for (const client of clients) {
    client.release();
    parts.clock.advance(1);
  }
  return parts;
}

describe("the idle timeout", () => {
  test("closes what nobody needs, the longest idle first, down to minSize", async () => {
    const parts = await idlePool(5, { idleTimeoutMs: 60_000, minSize: 2 });
    await parts.pass(59_900, 100);
    expect(parts.server.open).toHaveLength(5);
    await parts.pass(200);
    expect(parts.server.open).toEqual(parts.server.backends.slice(3));
    await parts.pass(300_000, 1_000);
    expect(parts.server.open).toHaveLength(2);
    await parts.closeClean();
  });

  test("goes by when they became idle, not by when they were made", async () => {
    const parts = sharedPoolOf({ size: 3, idleTimeoutMs: 1_000, minSize: 1 });
    const clients = [parts.ask("a1"), parts.ask("a2"), parts.ask("a3")];
    await flush();
    for (const client of clients.toReversed()) {
      client.release();
      parts.clock.advance(1);
    }
    await parts.pass(1_100);
    expect(parts.server.open).toEqual(parts.server.backends.slice(0, 1));
    await parts.closeClean();
  });

  test("spares what is in use now and then", async () => {
    const parts = await idlePool(3, { idleTimeoutMs: 1_000 });
    for (let round = 0; round < 20; round++) {
      parts.ask("a").release();
      await parts.pass(500, 50);
    }
    expect(parts.server.open).toHaveLength(1);
    await parts.pass(1_100, 50);
    expect([parts.server.open, parts.pool.snapshot().pairs]).toEqual([[], []]);
    await parts.closeClean();
  });

  test("closes old idle backends when others make up minSize", async () => {
    const parts = await idlePool(2, { idleTimeoutMs: 1_000, minSize: 2 });
    await parts.pass(5_000, 100);
    const [first, second, third] = [parts.ask("a"), parts.ask("a"), parts.ask("b")];
    await flush();
    first.release();
    second.release();
    await parts.pass(1_100, 50);
    expect(parts.pool.snapshot()).toMatchObject({ idle: 1, leased: 1 });
    third.release();
    await parts.closeClean();
  });
});

describe("the lifetime", () => {
  test("ends a tenth before or behind, for idle backends", async () => {
    for (const [random, endsMs] of [
      [0, 54_000],
      [0.999, 66_000],
    ] as const) {
      const parts = await idlePool(1, { maxLifetimeMs: 60_000, random: () => random });
      await parts.pass(endsMs - 200, 100);
      expect(parts.server.open).toHaveLength(1);
      await parts.pass(300, 100);
      expect(parts.server.open).toHaveLength(0);
      await parts.closeClean();
    }
  });

  test("never ends a lease", async () => {
    const parts = await idlePool(1, { maxLifetimeMs: 1_000 });
    const client = parts.ask("a");
    await parts.pass(5_000, 100);
    expect(client.slot?.backend.isOpen).toBe(true);
    client.release();
    expect(parts.server.open).toHaveLength(0);
    await parts.closeClean();
  });

  test("ends one after the other, though all are of the same age", async () => {
    const parts = await idlePool(10, { maxLifetimeMs: 1_000 });
    const left: number[] = [];
    for (let step = 0; step < 10; step++) {
      await parts.pass(step === 0 ? 1_000 : 110);
      left.push(parts.server.open.length);
    }
    expect(left).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
    await parts.closeClean();
  });

  test("ends one after the other for backends that are never idle", async () => {
    const parts = await idlePool(4, { size: 4, maxLifetimeMs: 1_000 });
    let clients = Array.from({ length: 4 }, () => parts.ask("a"));
    await parts.pass(1_200);
    const attempts: number[] = [];
    for (let round = 0; round < 12; round++) {
      for (const client of clients) client.release();
      clients = clients.map(() => parts.ask("a"));
      await parts.pass(50);
      attempts.push(parts.server.attempts);
    }
    expect(attempts).toEqual([5, 5, 6, 6, 7, 7, 8, 8, 8, 8, 8, 8]);
    for (const client of clients) client.release();
    await parts.closeClean();
  });

  test("ends a moment later for one that came back together with another", async () => {
    const parts = await idlePool(2, { maxLifetimeMs: 1_000 });
    const clients = [parts.ask("a1"), parts.ask("a2")];
    await parts.pass(1_200);
    for (const client of clients) client.release();
    expect(parts.server.open).toHaveLength(1);
    await parts.pass(220);
    expect(parts.server.open).toHaveLength(0);
    await parts.closeClean();
  });

  test("ends for warm backends, which are made anew", async () => {
    const parts = sharedPoolOf({ minSize: 2, maxLifetimeMs: 1_000 });
    parts.pool.warm(pairOf("a"));
    await parts.pass(10_000, 50);
    expect(parts.server.open).toHaveLength(2);
    expect(parts.server.attempts).toBeWithin(16, 22);
    await parts.closeClean();
  });
});

describe("pinging", () => {
  /** Answers when told to. */
  function pinger() {
    const pinged: FakeBackend[] = [];
    const answers: ((isAlive: boolean) => void)[] = [];
    const ping = async (backend: FakeBackend): Promise<void> => {
      pinged.push(backend);
      const { promise, resolve } = Promise.withResolvers<boolean>();
      answers.push(resolve);
      if (!(await promise)) throw new Error("no answer");
    };
    return { ping, pinged, answer: (isAlive: boolean) => answers.shift()?.(isAlive) };
  }

  test("asks what was idle for long, one at a time, and again after as long", async () => {
    const { ping, pinged, answer } = pinger();
    const parts = await idlePool(3, { ping, pingAfterIdleMs: 30_000 });
    await parts.pass(29_900, 100);
    expect(pinged).toHaveLength(0);
    await parts.pass(200);
    expect(pinged).toHaveLength(1);
    for (let index = 0; index < 3; index++) {
      answer(true);
      await flush();
    }
    expect(pinged).toEqual(parts.server.backends);
    await parts.pass(29_000, 100);
    expect(pinged).toHaveLength(3);
    await parts.pass(1_200, 100);
    expect(pinged).toHaveLength(4);
    answer(true);
    await parts.closeClean();
  });

  test("closes one that does not answer, or says no", async () => {
    const { ping, answer } = pinger();
    const parts = await idlePool(2, { ping, pingAfterIdleMs: 1_000 });
    await parts.pass(1_100);
    answer(false);
    await flush();
    expect(parts.server.open).toHaveLength(1);
    await parts.pass(4_900);
    expect(parts.server.open).toHaveLength(1);
    await parts.pass(200);
    expect(parts.server.open).toHaveLength(0);
    expect(parts.logger.count("An idle connection did not answer")).toBe(2);
    await parts.closeClean();
  });

  test("gives what is pinged to those who wait, as soon as it answers", async () => {
    const { ping, answer } = pinger();
    const parts = await idlePool(1, { ping, pingAfterIdleMs: 1_000 });
    await parts.pass(1_100);
    const client = parts.ask("a");
    await flush();
    expect([client.slot, parts.server.attempts]).toEqual([undefined, 1]);
    answer(true);
    await flush();
    expect([client.slot !== undefined, parts.server.attempts]).toEqual([true, 1]);
    client.release();
    await parts.closeClean();
  });

  test("keeps the order in which the idle ones are leased and closed", async () => {
    const { ping, answer } = pinger();
    const parts = await idlePool(3, { ping, pingAfterIdleMs: 1_000, idleTimeoutMs: 1_500 });
    await parts.pass(1_050);
    for (let index = 0; index < 3; index++) {
      answer(true);
      await flush();
    }
    const client = parts.ask("a");
    expect(client.slot?.backend).toBe(parts.server.backends[2]);
    await parts.pass(600);
    expect(parts.server.open).toEqual(parts.server.backends.slice(2));
    client.release();
    await parts.closeClean();
  });

  test("means nothing for one that was replaced meanwhile", async () => {
    const { ping, pinged, answer } = pinger();
    const parts = await idlePool(1, { ping, pingAfterIdleMs: 1_000 });
    await parts.pass(1_100);
    expect(pinged).toHaveLength(1);
    parts.pool.reconnect();
    answer(true);
    await flush();
    expect(parts.pool.snapshot()).toMatchObject({ idle: 0, retiring: 0, pairs: [] });
    expect(parts.logger.count("An idle connection did not answer")).toBe(0);
    await parts.closeClean();
  });

  test("does not hold up the end of the pool", async () => {
    const { ping, pinged, answer } = pinger();
    const parts = await idlePool(1, { ping, pingAfterIdleMs: 1_000 });
    await parts.pass(1_100);
    expect(pinged).toHaveLength(1);
    await parts.pool.close();
    expect([parts.server.open, parts.clock.timerCount]).toEqual([[], 0]);
    answer(true);
    await flush();
    expect(parts.pool.snapshot()).toMatchObject({ idle: 0, pairs: [] });
  });
});

test("stale backends are closed when they are looked at", async () => {
  let isStale = false;
  const parts = await idlePool(3, { idleTimeoutMs: 1_000, minSize: 3, isStale: () => isStale });
  isStale = true;
  await parts.pass(1_100);
  expect(parts.server.open).toHaveLength(0);
  await parts.closeClean();
});
