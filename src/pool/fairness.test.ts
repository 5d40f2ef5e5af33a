import { describe, expect, test } from "bun:test";
import { RecordingClient, flush, pairOf, sharedPoolOf } from "../../tests/fixtures/shared-pool.ts";
import type { FakeBackend } from "../../tests/fixtures/shared-pool.ts";
import type { Slot } from "./slot.ts";

/** Clients of one pair that do the same thing again and again. */
interface Load {
  readonly pair: string;
  readonly clients: number;
  /** How long a transaction takes. */
  readonly busyMs: number;
  /** How long a client thinks between two transactions; 0 = it asks again at once. */
  readonly thinkMs?: number;
  /** When the clients come; default 0. */
  readonly fromMs?: number;
}

/** What a pair got. */
interface Result {
  transactions: number;
  /** Backend time used for transactions. */
  usedMs: number;
  longestWaitMs: number;
}

/** Runs loads on a pool for so long, with logins and ends that take what they take in PostgreSQL. */
async function simulate(size: number, loads: readonly Load[], forMs: number) {
  const parts = sharedPoolOf({ size });
  const { pool, clock, server } = parts;
  server.loginMs = 5;
  server.letGoMs = 2;
  const results = new Map<string, Result>();
  const beganMs = clock.now();
  let isOver = false;

  const begin = (load: Load, result: Result): void => {
    const { busyMs, thinkMs = 0 } = load;
    const client = new RecordingClient(load.pair);
    let lane = pool.lane(pairOf(load.pair));
    let askedMs = 0;
    const ask = (): void => {
      askedMs = clock.now();
      if (!isOver) lane.lease(client.ticket);
    };
    client.onLease = (slot: Slot<FakeBackend>): void => {
      lane = slot.lane;
      result.longestWaitMs = Math.max(result.longestWaitMs, clock.now() - askedMs);
      clock.setTimeout(() => {
        result.transactions++;
        result.usedMs += busyMs;
        slot.release("clean");
        if (thinkMs === 0) ask();
        else clock.setTimeout(ask, thinkMs);
      }, busyMs);
    };
    ask();
  };

  for (const load of loads) {
    const result = { transactions: 0, usedMs: 0, longestWaitMs: 0 };
    results.set(load.pair, result);
    for (let index = 0; index < load.clients; index++) {
      clock.setTimeout(() => begin(load, result), load.fromMs ?? 0);
    }
  }
  let mostOpen = 0;
  while (clock.now() - beganMs < forMs) {
    clock.advance(1);
    await flush();
    mostOpen = Math.max(mostOpen, server.open.length + server.connecting);
  }
  const attempts = server.attempts;
  isOver = true;
  await parts.closeClean();
  expect(mostOpen).toBeLessThanOrEqual(size);
  return {
    result: (pair: string) => results.get(pair) ?? expect.unreachable(`no pair ${pair}`),
    /** Logins beyond those that filled the pool, each second. */
    replacementsPerSecond: ((attempts - size) * 1_000) / forMs,
  };
}

describe("two pairs that could each use the whole pool", () => {
  test.each([1, 2, 3, 5, 10, 20])("share a pool of %d alike, with few moves", async (size) => {
    const forMs = 10_000;
    const { result, replacementsPerSecond } = await simulate(
      size,
      [
        // Enough clients to make each wait for more than 100 ms.
        { pair: "a", clients: size * 30, busyMs: 10 },
        { pair: "b", clients: size * 30, busyMs: 10 },
      ],
      forMs,
    );
    const [a, b] = [result("a").usedMs, result("b").usedMs];
    expect(Math.min(a, b) / Math.max(a, b)).toBeGreaterThan(0.8);
    expect(a + b).toBeGreaterThan(size * forMs * 0.9);
    expect(replacementsPerSecond).toBeLessThan(5);
  });

  test("share it alike also when one comes late, and has fewer clients", async () => {
    const { result, replacementsPerSecond } = await simulate(
      10,
      [
        { pair: "a", clients: 300, busyMs: 20 },
        { pair: "b", clients: 100, busyMs: 20, fromMs: 1_000 },
      ],
      11_000,
    );
    // One second of the whole pool, and ten of half of it.
    const [a, b] = [result("a").usedMs - 10_000, result("b").usedMs];
    expect(Math.min(a, b) / Math.max(a, b)).toBeGreaterThan(0.8);
    expect(replacementsPerSecond).toBeLessThan(5);
  });

  test("are left as they are while nobody waits for long", async () => {
    const { replacementsPerSecond } = await simulate(
      10,
      [
        { pair: "a", clients: 9, busyMs: 5 },
        { pair: "b", clients: 20, busyMs: 5 },
      ],
      5_000,
    );
    expect(replacementsPerSecond).toBeLessThan(5);
  });
});

describe("many pairs", () => {
  test("are all served by a pool that is smaller than their number", async () => {
    const pairs = Array.from({ length: 50 }, (_, index) => String.fromCharCode(0x4e00 + index));
    const { result, replacementsPerSecond } = await simulate(
      10,
      pairs.map((pair) => ({ pair, clients: 20, busyMs: 10 })),
      20_000,
    );
    const used = pairs.map((pair) => result(pair).usedMs);
    expect(Math.min(...used) / Math.max(...used)).toBeGreaterThan(0.5);
    for (const pair of pairs) expect(result(pair).longestWaitMs).toBeLessThan(5_000);
    // Each of the ten places changes hands less than five times a second.
    expect(replacementsPerSecond).toBeLessThan(50);
    expect(used.reduce((sum, each) => sum + each)).toBeGreaterThan(20_000 * 10 * 0.9);
  });
});

describe("a hot pair and rare ones", () => {
  const rare = ["b", "c", "d"].map((pair) => ({ pair, clients: 1, busyMs: 5, thinkMs: 700 }));

  test("lets the rare ones in after a tenth of a second, at little cost to the hot one", async () => {
    const hot = { pair: "a", clients: 500, busyMs: 10 };
    const { result, replacementsPerSecond } = await simulate(10, [hot, ...rare], 10_000);
    for (const { pair } of rare) {
      expect(result(pair).longestWaitMs).toBeLessThan(200);
      expect(result(pair).transactions).toBeGreaterThan(10);
    }
    expect(result("a").usedMs).toBeGreaterThan(10_000 * 10 * 0.85);
    expect(replacementsPerSecond).toBeLessThan(10);
  });

  test("lets the rare ones in at once while the hot one leaves some idle", async () => {
    const hot = { pair: "a", clients: 5, busyMs: 5, thinkMs: 5 };
    const { result, replacementsPerSecond } = await simulate(10, [hot, ...rare], 10_000);
    for (const { pair } of rare) expect(result(pair).longestWaitMs).toBeLessThan(20);
    expect(replacementsPerSecond).toBeLessThan(1);
  });

  test("keeps nobody waiting behind long transactions of another", async () => {
    const { result } = await simulate(
      4,
      [
        { pair: "a", clients: 3, busyMs: 15_000 },
        { pair: "b", clients: 40, busyMs: 5, fromMs: 100 },
        { pair: "c", clients: 1, busyMs: 5, thinkMs: 300, fromMs: 200 },
      ],
      10_000,
    );
    expect(result("c").longestWaitMs).toBeLessThan(500);
    expect(result("b").transactions).toBeGreaterThan(1_000);
  });
});
