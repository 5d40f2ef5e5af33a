import { expect, test } from "bun:test";
import { RateLimiter } from "./rate-limiter.ts";

function setUp(requests: number, intervalMs: number) {
  let nowMs = 0;
  const limiter = new RateLimiter({ requests, intervalMs, now: () => nowMs });
  const take = (count: number, key = "a") =>
    Array.from({ length: count }, () => limiter.take(key)).filter(Boolean).length;
  return { take, pass: (ms: number) => (nowMs += ms) };
}

test("as many are allowed at once, and as many again in each interval, evenly", () => {
  const { take, pass } = setUp(10, 1_000);
  expect(take(15)).toBe(10);
  pass(99);
  expect(take(1)).toBe(0);
  pass(1);
  expect(take(2)).toBe(1);
  pass(500);
  expect(take(10)).toBe(5);
  pass(60_000);
  expect(take(15)).toBe(10);
});

test("each key has its own", () => {
  const { take } = setUp(1, 1_000);
  expect(take(2, "a")).toBe(1);
  expect(take(2, "b")).toBe(1);
  expect(take(1, "a")).toBe(0);
});

test("long keys are told apart as short ones are", () => {
  const { take } = setUp(1, 1_000);
  const long = "x".repeat(100_000);
  expect(take(2, `${long}a`)).toBe(1);
  expect(take(2, `${long}b`)).toBe(1);
});

test("of very many keys the ones that were quiet longest are forgotten", () => {
  const { take } = setUp(1, 1_000);
  take(1, "kept");
  take(1, "forgotten");
  for (let index = 0; index < 9_999; index++) {
    take(1, `key ${index}`);
    if (index === 5_000) expect(take(1, "kept")).toBe(0);
  }
  expect(take(1, "kept")).toBe(0);
  expect(take(1, "forgotten")).toBe(1);
});
