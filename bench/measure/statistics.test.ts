import { expect, test } from "bun:test";
import { median, pairSpread, quantile } from "./statistics.ts";

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
