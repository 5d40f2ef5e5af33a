import { expect, test } from "bun:test";
import { QUERY_BOUNDS } from "./buckets.ts";
import { HISTORY_KEPT_MS, HISTORY_STEP_MS, History, NO_COUNTS } from "./history.ts";
import type { BlockCounts, BlockReading } from "./history.ts";

const START_MS = 1_700_000_000_000;

/** So many observations in the bucket that ends with a bound, in seconds. */
function buckets(...observed: readonly (readonly [bound: number, count: number])[]): number[] {
  const counts = Array.from({ length: QUERY_BOUNDS.length + 1 }, () => 0);
  for (const [bound, count] of observed) {
    counts[QUERY_BOUNDS.findIndex((known) => known === bound)] = count;
  }
  return counts;
}

class HistoryKit {
  nowMs = 77;
  blocks: BlockReading[] = [];
  readonly history = new History({
    read: () => this.blocks,
    now: () => this.nowMs,
    wallNow: () => START_MS + this.nowMs,
  });

  constructor() {
    this.history.start();
    this.history.stop();
  }

  set(block: string, counts: Partial<BlockCounts>, now: Partial<BlockReading> = {}): void {
    const all = { ...NO_COUNTS, queries: buckets(), waits: buckets(), ...counts };
    const reading = { group: "default", clients: 0, leased: 0, waiting: 0, ...now };
    this.blocks = this.blocks.filter((one) => one.block !== block);
    this.blocks.push({ ...reading, block, counts: all });
  }

  tick(ms = HISTORY_STEP_MS): void {
    this.nowMs += ms;
    this.history.tick();
  }
}

test("a point tells what happened since the one before, by the second", () => {
  const kit = new HistoryKit();
  kit.set("writes", {
    units: 100,
    transactions: 50,
    errors: 5,
    receivedBytes: 10_000,
    sentBytes: 20_000,
    unitMs: 300,
    waitMs: 50,
    queries: buckets([0.001, 100]),
    waits: buckets([0.5, 10]),
  });
  kit.tick();
  kit.set(
    "writes",
    {
      ...{ units: 120, transactions: 50, errors: 5, receivedBytes: 10_000, sentBytes: 20_000 },
      ...{ unitMs: 300, waitMs: 50 },
      ...{ queries: buckets([0.001, 110], [1, 10]), waits: buckets([0.5, 10]) },
    },
    { clients: 7, leased: 3, waiting: 2 },
  );
  kit.tick(10_000);
  const [block] = kit.history.since(0);
  expect(block).toMatchObject({ group: "default", block: "writes" });
  const [first, second] = block?.points ?? [];
  expect(first).toMatchObject({
    atMs: START_MS + 77 + HISTORY_STEP_MS,
    lastedMs: HISTORY_STEP_MS,
    unitsPerSecond: 20,
    transactionsPerSecond: 10,
    errorsPerSecond: 1,
    receivedBytesPerSecond: 2_000,
    sentBytesPerSecond: 4_000,
    unitMsPerSecond: 60,
    waitMsPerSecond: 10,
    latencyP50Ms: 0.75,
  });
  expect(first?.waitP95Ms).toBeCloseTo(487.5);
  expect(second).toMatchObject({
    ...{ lastedMs: 10_000, unitsPerSecond: 2, transactionsPerSecond: 0, errorsPerSecond: 0 },
    ...{ latencyP50Ms: 1, waitP95Ms: 0, clients: 7, leased: 3, waiting: 2 },
  });
  expect(second?.latencyP95Ms).toBeCloseTo(950);
});

test("whoever has some points already asks for the later ones", () => {
  const kit = new HistoryKit();
  kit.set("writes", {});
  for (let step = 0; step < 3; step++) kit.tick();
  const [, second, third] = kit.history.since(0)[0]?.points ?? [];
  expect(kit.history.since(second?.atMs ?? 0)).toMatchObject([{ points: [third] }]);
  expect(kit.history.since(third?.atMs ?? 0)[0]?.points).toEqual([]);
});

test("points are kept for a quarter of an hour, and blocks that are gone as long as their points", () => {
  const kit = new HistoryKit();
  kit.set("writes", {});
  kit.set("reads", {});
  for (let step = 0; step < 400; step++) {
    if (step === 200) kit.blocks = kit.blocks.filter(({ block }) => block === "writes");
    kit.tick();
  }
  const [writes, ...others] = kit.history.since(0);
  expect(others).toEqual([]);
  expect(writes?.points).toHaveLength(HISTORY_KEPT_MS / HISTORY_STEP_MS);
  expect(writes?.points.at(-1)?.atMs).toBe(START_MS + kit.nowMs);
});

test("a block that has come in the place of another of its name counts from 0", () => {
  const kit = new HistoryKit();
  kit.set("writes", { units: 1_000, queries: buckets([1, 1_000]) });
  kit.tick();
  kit.set("writes", { units: 10, queries: buckets([0.001, 10]) });
  kit.tick();
  const points = kit.history.since(0)[0]?.points ?? [];
  expect(points[1]).toMatchObject({ unitsPerSecond: 2, latencyP50Ms: 0.75 });
});

test("two looks at the same moment are one", () => {
  const kit = new HistoryKit();
  kit.set("writes", {});
  kit.tick();
  kit.tick(0);
  expect(kit.history.since(0)[0]?.points).toHaveLength(1);
});
