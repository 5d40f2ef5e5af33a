import { expect, test } from "bun:test";
import { quantile } from "./quantile.ts";

const BOUNDS = [1, 2, 4];

test("observations are spread evenly over their bucket", () => {
  expect(quantile(0.5, BOUNDS, [0, 10, 0, 0])).toBe(1.5);
  expect(quantile(1, BOUNDS, [0, 10, 0, 0])).toBe(2);
  expect(quantile(0.25, BOUNDS, [4, 0, 0, 0])).toBe(0.25);
});

test("it is in the bucket where the share is reached, empty ones between notwithstanding", () => {
  expect(quantile(0.5, BOUNDS, [5, 0, 5, 0])).toBe(1);
  expect(quantile(0.75, BOUNDS, [5, 0, 5, 0])).toBe(3);
  expect(quantile(0.95, BOUNDS, [90, 0, 10, 0])).toBe(3);
});

test("beyond the last bound nothing is known but that bound", () => {
  expect(quantile(0.99, BOUNDS, [0, 0, 0, 3])).toBe(4);
});

test("of nothing it is 0", () => {
  expect(quantile(0.5, BOUNDS, [0, 0, 0, 0])).toBe(0);
  expect(quantile(0.5, [], [7])).toBe(0);
});
