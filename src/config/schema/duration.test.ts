import { expect, test } from "bun:test";
import { durationToNanoseconds, formatDuration, parseDuration } from "./duration.ts";

test.each([
  ["0", 0],
  ["0s", 0],
  ["500ms", 500],
  ["1m30s", 90_000],
  ["1.5h", 5_400_000],
  [".5s", 500],
  ["1h2m3.004s", 3_723_004],
  ["100us", 0.1],
  ["100µs", 0.1],
  ["1ns", 1e-6],
  ["30000000000", 30_000],
  ["+5s", 5_000],
  ["-5s", -5_000],
  ["0.1s0.2s", 300],
])("%s is %d ms", (text, ms) => {
  expect(parseDuration(text)).toBe(ms);
});

test("a whole number is nanoseconds", () => {
  expect(parseDuration(1_500_000)).toBe(1.5);
  expect(parseDuration("1500000")).toBe(1.5);
  expect(parseDuration(1.5)).toBeUndefined();
});

test.each(["", "s", "5 minutes", "1m 30s", "1d", "1s30", "ten", "--1s", "1e3s"])(
  "%p is not a duration",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test.each([
  [0, "0s"],
  [1e-6, "1ns"],
  [0.1, "100µs"],
  [1.5, "1.5ms"],
  [500, "500ms"],
  [1_500, "1.5s"],
  [30_000, "30s"],
  [60_000, "1m0s"],
  [5_400_000, "1h30m0s"],
  [3_723_004, "1h2m3.004s"],
  [-5_000, "-5s"],
])("%d ms is written %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
  expect(parseDuration(text)).toBe(ms);
});

test("nanoseconds are whole", () => {
  expect(durationToNanoseconds(0.1 + 0.2)).toBe(300_000);
});
