import { expect, test } from "bun:test";
import { UnitSample } from "./unit-sample.ts";

/** 0, 1/16, 2/16 and so on, again and again. */
function evenly(): () => number {
  let times = 0;
  return () => (times++ % 16) / 16;
}

function weightsOf(sample: UnitSample, count: number, nowMs: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += sample.weightAt(nowMs);
  return sum;
}

test("the first of each second count for themselves", () => {
  const sample = new UnitSample(() => 0.99);
  for (const nowMs of [5, 1_005, 2_500, 90_000]) {
    expect(weightsOf(sample, 500, nowMs)).toBe(500);
    expect(weightsOf(sample, 500, nowMs + 999)).toBe(0);
  }
});

test("of others one in sixteen counts for all of them", () => {
  const sample = new UnitSample(evenly());
  expect(weightsOf(sample, 500 + 1_600, 5)).toBe(500 + 1_600);
  expect(sample.weightAt(6)).toBe(16);
  expect(sample.weightAt(6)).toBe(0);
});
