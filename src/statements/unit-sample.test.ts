import { expect, test } from "bun:test";
import { UnitSample } from "./unit-sample.ts";

/** 0, 1/64, 2/64 and so on, again and again. */
function evenly(): () => number {
  let times = 0;
  return () => (times++ % 64) / 64;
}

function weightsOf(sample: UnitSample, count: number, nowMs: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += sample.weightAt(nowMs);
  return sum;
}

test("the first of each second count for themselves", () => {
  const sample = new UnitSample(() => 0.99);
  for (const nowMs of [5, 1_005, 2_500, 90_000]) {
    expect(weightsOf(sample, 100, nowMs)).toBe(100);
    expect(weightsOf(sample, 100, nowMs + 999)).toBe(0);
  }
});

test("of others one in 64 counts for all of them", () => {
  const sample = new UnitSample(evenly());
  expect(weightsOf(sample, 100 + 6_400, 5)).toBe(100 + 6_400);
  expect(sample.weightAt(6)).toBe(64);
  expect(sample.weightAt(6)).toBe(0);
});
