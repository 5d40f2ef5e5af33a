import { expect, test } from "bun:test";
import { HookMetrics } from "./hook-metrics.ts";

test("calls are told by plugin and hook: how many, how many failed, and how long they took", () => {
  let nowMs = 0;
  const metrics = new HookMetrics(() => nowMs);
  const call = (plugin: string, hook: string, tookMs: number, hasFailed = false): void => {
    const begun = metrics.began();
    nowMs += tookMs;
    metrics.ended(hook, plugin, undefined, begun, hasFailed);
  };
  expect(metrics.calls()).toEqual([]);
  for (let i = 0; i < 98; i++) call("my-plugin", "OnOpened", 2);
  call("my-plugin", "OnOpened", 40);
  call("my-plugin", "OnOpened", 40, true);
  call("other", "OnClosed", 1);
  const [first, second] = metrics.calls();
  expect(first).toMatchObject({ plugin: "my-plugin", hook: "OnOpened", calls: 100, failures: 1 });
  expect(first?.totalMs).toBe(276);
  // As precise as the buckets are: from 1 to 2.5 ms, and from 25 to 50.
  expect(first?.p50Ms).toBeWithin(1, 2.5);
  expect(first?.p95Ms).toBeWithin(1, 2.5);
  expect(first?.p99Ms).toBeWithin(25, 50);
  expect(second).toMatchObject({ plugin: "other", hook: "OnClosed", calls: 1, failures: 0 });
});
