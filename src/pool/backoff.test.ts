import { describe, expect, test } from "bun:test";
import { backoffMs } from "./backoff.ts";

describe("the wait between attempts", () => {
  test.each([
    ["doubles", 1_000, 2, false, [1_000, 2_000, 4_000, 8_000]],
    ["grows by a fraction", 1_000, 1.5, false, [1_000, 1_500, 2_250, 3_375]],
    ["stays the same with a multiplier of 1", 250, 1, false, [250, 250, 250]],
    ["shrinks with a multiplier below 1", 1_000, 0.5, false, [1_000, 500, 250]],
    ["ends at a minute", 20_000, 2, false, [20_000, 40_000, 60_000, 60_000]],
    ["begins at a minute at most", 90_000, 2, false, [60_000]],
    ["takes a multiplier of 10 at most", 10, 50, false, [10, 100, 1_000]],
    ["has no caps when told so", 20_000, 50, true, [20_000, 1_000_000, 50_000_000]],
    ["is nothing without a backoff", 0, 2, false, [0, 0, 0]],
  ] as const)("%s", (_, ms, multiplier, disableCaps, expected) => {
    const waits = expected.map((_, attempt) =>
      backoffMs(attempt, { backoffMs: ms, multiplier, disableCaps }),
    );
    expect(waits).toEqual([...expected]);
  });

  test("stays at the cap through an outage of any length", () => {
    const options = { backoffMs: 1_000, multiplier: 2, disableCaps: false };
    expect(backoffMs(100_000, options)).toBe(60_000);
  });
});
