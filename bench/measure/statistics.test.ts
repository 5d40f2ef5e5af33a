import { expect, test } from "bun:test";
import { median, pairSpread, quantile, ratioByParts } from "./statistics.ts";

test("the median is the value in the middle, whatever the order", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([10, 1, 2, 9])).toBe(5.5);
  expect(() => median([])).toThrow("no values");
});

test("quantiles are interpolated", () => {
  expect(quantile([1, 2, 3, 4, 5], 0.25)).toBe(2);
  expect(quantile([0, 10], 0.75)).toBe(7.5);
});

test("the spread of equal pairs is nothing", () => {
  expect(pairSpread([100, 200, 300], [100, 200, 300])).toBe(0);
});

test("one wild round does not make a spread", () => {
  expect(pairSpread([100, 100, 100, 100, 100], [100, 100, 100, 100, 300])).toBe(0);
});

test("scatter and a lasting difference both show in the spread", () => {
  expect(pairSpread([100, 100, 100, 100, 100], [90, 95, 100, 105, 110])).toBeCloseTo(0.05);
  expect(pairSpread([100, 100, 100], [80, 80, 80])).toBeCloseTo(0.2);
});

test("a ratio is that of pairs: what meets both of a pair is no difference", () => {
  const bases = [100, 200, 50, 400];
  const values = bases.map((base) => base * 1.02);
  const { ratio, low, high } = ratioByParts(values, bases, 2);
  for (const each of [ratio, low, high]) expect(each).toBeCloseTo(1.02);
  expect(() => ratioByParts([1], [1], 2)).toThrow("no values");
});

test("the bounds of a ratio go by the parts, not by the pairs within them", () => {
  const ones = Array<number>(64).fill(1);
  const parts = Array.from({ length: 64 }, (_, index) => 1 + 0.02 * (Math.floor(index / 4) % 2));
  const { ratio, low, high } = ratioByParts(parts, ones, 16);
  expect(ratio).toBeCloseTo(1.01);
  // 2.131 standard errors, of which one is 0.0103 / 4.
  expect(high - ratio).toBeCloseTo(0.0055, 4);
  expect(ratio - low).toBeCloseTo(0.0055, 4);
});

test("one wild pair of a part counts for nothing", () => {
  const values = [1, 1, 1, 5, 1, 1, 1, 1];
  expect(ratioByParts(values, Array<number>(8).fill(1), 2)).toEqual({ ratio: 1, low: 1, high: 1 });
});
