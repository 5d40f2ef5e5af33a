import { expect, test } from "bun:test";
import { median, medianRatio, pairSpread, quantile } from "./statistics.ts";

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
  const { ratio, low, high } = medianRatio(values, bases);
  for (const each of [ratio, low, high]) expect(each).toBeCloseTo(1.02);
  expect(() => medianRatio([], [])).toThrow("no values");
});

test("the bounds of a ratio come closer with more pairs", () => {
  const pairs = (count: number): readonly number[] =>
    Array.from({ length: count }, (_, index) => 100 + (index % 10));
  const width = (count: number): number => {
    const { low, high } = medianRatio(pairs(count), Array<number>(count).fill(100));
    return high - low;
  };
  expect(width(100)).toBeLessThan(width(10) / 2);
});
