import { expect, test } from "bun:test";
import { HookRates } from "./hook-rates.ts";

function hook(calls: number, totalMs: number) {
  return {
    plugin: "audit",
    hook: "OnTrafficFromClient",
    calls,
    failures: 0,
    totalMs,
    p50Ms: 1,
    p95Ms: 1,
    p99Ms: 1,
  };
}

function figures(rates: HookRates, calls: number, totalMs: number, nowMs: number) {
  const [row] = rates.rows([hook(calls, totalMs)], nowMs);
  return [row?.perSecond, row?.recentMeanMs];
}

test("what hooks are now is the difference to what they were ten seconds ago", () => {
  const rates = new HookRates();
  expect(figures(rates, 100, 1_000, 0)).toEqual([undefined, undefined]);
  expect(figures(rates, 110, 1_020, 2_000)).toEqual([5, 2]);
  expect(figures(rates, 110, 1_020, 8_000)).toEqual([1.25, 2]);
  // The first answer is older than ten seconds, and the second is not yet.
  expect(figures(rates, 120, 1_070, 11_000)).toEqual([20 / 11, 3.5]);
  expect(figures(rates, 120, 1_070, 12_000)).toEqual([1, 5]);
  expect(figures(rates, 120, 1_070, 22_000)).toEqual([0, undefined]);
});

test("a gateway that was started anew has no past", () => {
  const rates = new HookRates();
  rates.rows([hook(100, 1_000)], 0);
  expect(figures(rates, 5, 10, 2_000)).toEqual([undefined, undefined]);
  rates.clear();
  expect(figures(rates, 500, 1_000, 4_000)).toEqual([undefined, undefined]);
});
