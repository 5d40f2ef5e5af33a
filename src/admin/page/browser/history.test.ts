import { expect, test } from "bun:test";
import { History } from "./history.ts";
import type { Point } from "./history.ts";

const STEP_MS = 5_000;
const KEPT_MS = 60_000;

function point(atMs: number, figures: Partial<Point> = {}): Point {
  return {
    atMs,
    lastedMs: STEP_MS,
    unitsPerSecond: 10,
    transactionsPerSecond: 5,
    errorsPerSecond: 1,
    latencyP50Ms: 1,
    latencyP95Ms: 2,
    latencyP99Ms: 3,
    waitP95Ms: 0,
    receivedBytesPerSecond: 0,
    sentBytesPerSecond: 0,
    unitMsPerSecond: 0,
    waitMsPerSecond: 0,
    clients: 3,
    leased: 2,
    waiting: 1,
    ...figures,
  };
}

function answer(nowMs: number, blocks: Readonly<Record<string, readonly Point[]>>) {
  return {
    stepMs: STEP_MS,
    keptMs: KEPT_MS,
    nowMs,
    blocks: Object.entries(blocks).map(([block, points]) => ({ group: "default", block, points })),
  };
}

test("what is new is added once, and what is too old goes", () => {
  const history = new History();
  history.add(answer(10_000, { writes: [point(5_000), point(10_000)] }));
  history.add(answer(15_000, { writes: [point(10_000), point(15_000)] }));
  expect(history.moments(undefined, 0).map(({ ms }) => ms)).toEqual([5_000, 10_000, 15_000]);
  expect(history.latestMs).toBe(15_000);
  history.add(answer(72_000, { writes: [point(70_000)] }));
  expect(history.moments(undefined, 0).map(({ ms }) => ms)).toEqual([15_000, 70_000]);
  expect(history.moments(undefined, 20_000).map(({ ms }) => ms)).toEqual([70_000]);
});

test("blocks are summed, but for percentiles: there the slowest counts", () => {
  const history = new History();
  const slow = { latencyP50Ms: 40, latencyP95Ms: 1, unitsPerSecond: 2 };
  history.add(answer(5_000, { writes: [point(5_000)], reads: [point(5_000, slow)] }));
  expect(history.moments(undefined, 0)).toEqual([
    {
      ms: 5_000,
      unitsPerSecond: 12,
      transactionsPerSecond: 10,
      errorsPerSecond: 2,
      latencyMs: { p50: 40, p95: 2, p99: 3 },
      waitP95Ms: 0,
      clients: 6,
      leased: 4,
      waiting: 2,
    },
  ]);
  const [reads] = history.moments({ group: "default", block: "reads" }, 0);
  expect(reads).toMatchObject({ unitsPerSecond: 2, latencyMs: { p50: 40, p95: 1, p99: 3 } });
});

test("where nothing was asked there is no latency", () => {
  const history = new History();
  const quiet = { unitsPerSecond: 0, latencyP50Ms: 0, latencyP95Ms: 0, latencyP99Ms: 0 };
  history.add(answer(5_000, { writes: [point(5_000, quiet)] }));
  expect(history.moments(undefined, 0)[0]?.latencyMs).toBeUndefined();
});

test("after the clock of the gateway was set back, all is asked for anew", () => {
  const history = new History();
  history.add(answer(60_000, { writes: [point(55_000), point(60_000)] }));
  history.add(answer(10_000, { writes: [] }));
  expect(history.latestMs).toBe(0);
  history.add(answer(12_000, { writes: [point(5_000), point(10_000)] }));
  expect(history.moments(undefined, 0).map(({ ms }) => ms)).toEqual([5_000, 10_000]);
});

test("a block that is gone is forgotten, and so is everything of another gateway", () => {
  const history = new History();
  history.add(answer(5_000, { writes: [point(5_000)], reads: [] }));
  history.add(answer(10_000, { writes: [point(10_000)] }));
  expect(history.blocks).toMatchObject([{ block: "writes" }]);
  history.clear();
  expect([history.blocks, history.latestMs]).toEqual([[], 0]);
});
