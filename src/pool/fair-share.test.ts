import { describe, expect, test } from "bun:test";
import {
  PATIENCE_MS,
  REPLACEMENT_MS,
  TENURE_MS,
  claimantOf,
  mayCede,
  maySpare,
  neediestOf,
} from "./fair-share.ts";
import type { Standing } from "./fair-share.ts";

const NOW_MS = 10_000;

/** A pair with waiters that have waited for a second. */
const pair = (held: number, more: Partial<Standing> = {}): Standing => ({
  held,
  uncovered: 1,
  oldestSinceMs: NOW_MS - 1_000,
  gainedAtMs: Number.NEGATIVE_INFINITY,
  ...more,
});

describe("a free place", () => {
  test("goes to the pair that has least, among equals to the one that waits longest", () => {
    const [rich, poor, patient] = [pair(3), pair(1), pair(1, { oldestSinceMs: NOW_MS - 2_000 })];
    expect(neediestOf([rich, poor, patient])).toBe(patient);
    expect(neediestOf([rich, poor])).toBe(poor);
  });

  test("goes to nobody for whom a backend is on the way", () => {
    expect(neediestOf([pair(0, { uncovered: 0 })])).toBeUndefined();
  });
});

describe("a claim", () => {
  const claim = (...pairs: Standing[]) => claimantOf(new Set(pairs), 10, NOW_MS);

  test("is the one of a pair below its fair share that has waited too long", () => {
    const poor = pair(4);
    expect(claim(pair(6), poor)).toBe(poor);
    expect(claim(pair(5), pair(5))).toBeUndefined();
  });

  test("needs more than 100 ms of patience", () => {
    const waiting = (ms: number) => pair(1, { oldestSinceMs: NOW_MS - ms });
    expect(claim(pair(9), waiting(PATIENCE_MS))).toBeUndefined();
    const impatient = waiting(PATIENCE_MS + 1);
    expect(claim(pair(9), impatient)).toBe(impatient);
  });

  test("is not made for waiters whose backend is on the way", () => {
    expect(claim(pair(9), pair(1, { uncovered: 0 }))).toBeUndefined();
  });

  test("has everything for its share when nobody else waits", () => {
    const only = pair(9);
    expect([claim(only), claim(pair(10))]).toEqual([only, undefined]);
  });
});

describe("a backend that its pair could use", () => {
  test("is ceded by who has two more, whatever was before", () => {
    const owner = pair(6, { gainedAtMs: NOW_MS });
    expect([mayCede(owner, pair(4), NOW_MS), mayCede(owner, pair(5), NOW_MS)]).toEqual([
      true,
      false,
    ]);
  });

  test("is ceded by who has one more, but not soon after it was gained", () => {
    const owner = (gainedMs: number) => pair(6, { gainedAtMs: NOW_MS - gainedMs });
    expect(mayCede(owner(TENURE_MS), pair(5), NOW_MS)).toBe(true);
    expect(mayCede(owner(TENURE_MS - 1), pair(5), NOW_MS)).toBe(false);
  });

  test("is never ceded to a pair that has as many", () => {
    expect(mayCede(pair(5), pair(5), NOW_MS)).toBe(false);
  });
});

describe("an idle backend", () => {
  test("is spared for a pair that has none at once", () => {
    expect(maySpare(pair(1, { gainedAtMs: NOW_MS }), 0, pair(0), NOW_MS)).toBe(true);
  });

  test("is spared for others when it was idle for as long as it takes to replace it", () => {
    expect(maySpare(pair(1), REPLACEMENT_MS - 1, pair(1), NOW_MS)).toBe(false);
    expect(maySpare(pair(1), REPLACEMENT_MS, pair(1), NOW_MS)).toBe(true);
  });

  test("stays for a while with a pair that had to claim it", () => {
    const owner = pair(1, { gainedAtMs: NOW_MS - TENURE_MS + 1 });
    expect(maySpare(owner, REPLACEMENT_MS, pair(1), NOW_MS)).toBe(false);
  });
});
