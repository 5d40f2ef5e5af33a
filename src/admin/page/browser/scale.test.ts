import { describe, expect, test } from "bun:test";
import { axisUpTo, linear, linePath, nearest, timeTicks } from "./scale.ts";

describe("an axis", () => {
  test.each([
    [0, [0, 0.25, 0.5, 0.75, 1]],
    [1, [0, 0.25, 0.5, 0.75, 1]],
    [3, [0, 1, 2, 3]],
    [7, [0, 2, 4, 6, 8]],
    [0.3, [0, 0.1, 0.2, 0.3]],
    [1_234, [0, 500, 1_000, 1_500]],
    [40_000, [0, 10_000, 20_000, 30_000, 40_000]],
    [Number.NaN, [0, 0.25, 0.5, 0.75, 1]],
  ])("up to %d has lines people can count by", (greatest, ticks) => {
    expect(axisUpTo(greatest, 4)).toEqual({ top: ticks.at(-1) ?? 0, ticks });
  });

  test("always reaches the greatest value, with few lines", () => {
    for (let greatest = 1e-6; greatest < 1e9; greatest *= 1.37) {
      const { top, ticks } = axisUpTo(greatest, 4);
      expect(top).toBeGreaterThanOrEqual(greatest * (1 - 1e-9));
      expect(top).toBeLessThanOrEqual(greatest * 2.5);
      expect(ticks.length).toBeLessThanOrEqual(5);
    }
  });
});

test("a scale leads from values to places, upwards too", () => {
  const down = linear([0, 200], [100, 0]);
  expect([down(0), down(50), down(200)]).toEqual([100, 75, 0]);
  expect(linear([5, 5], [10, 20])(5)).toBe(10);
});

test("times are marked at whole minutes", () => {
  expect(timeTicks(61_000, 240_000, 60_000)).toEqual([120_000, 180_000, 240_000]);
  expect(timeTicks(61_000, 62_000, 60_000)).toEqual([]);
});

describe("a line", () => {
  test("goes through its places", () => {
    const places = [0, 10, 20].map((x) => ({ x, y: x / 3 }));
    expect(linePath(places)).toBe("M0 0L10 3.3L20 6.7");
    expect(linePath([])).toBe("");
  });

  test("is interrupted where there is no value, and a lonely one is a dot", () => {
    const places = [1, undefined, 3, 4, undefined, 6].map((y, x) => ({ x, y }));
    expect(linePath(places)).toBe("M0 1h0M2 3L3 4M5 6h0");
  });
});

test("the nearest place is found", () => {
  expect([-5, 4, 6, 14, 99].map((value) => nearest([0, 10, 20], value))).toEqual([0, 0, 1, 1, 2]);
  expect(nearest([], 1)).toBe(-1);
});
