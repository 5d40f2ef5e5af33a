import { expect, test } from "bun:test";
import { spanClock } from "./span-clock.ts";

test("times are the system's, with the fractions of the steady clock", () => {
  let steadyMs = 5;
  const nowMs = spanClock(
    () => 1_000_000 + Math.floor(steadyMs),
    () => steadyMs,
  );
  const startMs = nowMs();
  steadyMs += 0.25;
  expect(nowMs() - startMs).toBe(0.25);
  steadyMs += 3_600_000;
  expect(nowMs()).toBeWithin(1_000_000 + steadyMs - 1, 1_000_000 + steadyMs + 1);
});

test("a system's time that is set, or goes on while the machine sleeps, is followed", () => {
  let [systemMs, steadyMs] = [1_000_000, 5];
  const nowMs = spanClock(
    () => systemMs,
    () => steadyMs,
  );
  expect(nowMs()).toBe(1_000_000);
  systemMs += 3_600_000;
  expect(nowMs()).toBe(4_600_000);
  systemMs -= 7_200_000;
  steadyMs += 2;
  expect(nowMs()).toBe(systemMs);
});
