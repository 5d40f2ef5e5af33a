import { describe, expect, test } from "bun:test";
import { clock, count, duration, rate, short, span, word } from "./format.ts";

describe("figures are written as people read them", () => {
  test.each([
    [0, "0"],
    [0.25, "0.25"],
    [12.345, "12.3"],
    [999.6, "1,000"],
    [12_345.6, "12,346"],
  ])("%d a second is %s", (value, text) => {
    expect(rate(value)).toBe(text);
  });

  test.each([
    [0, "0 ms"],
    [0.000_085_2, "85.2 µs"],
    [0.001_25, "1.25 ms"],
    [0.999, "999 ms"],
    [2.5, "2.5 s"],
    [59.94, "59.9 s"],
    [185, "3 min 5 s"],
  ])("%d seconds are %s", (seconds, text) => {
    expect(duration(seconds)).toBe(text);
  });

  test.each([
    [0.4, "0 s"],
    [60, "1 min"],
    [3_599, "59 min 59 s"],
    [3_600, "1 h"],
    [90_000, "1 d 1 h"],
    [86_400 * 400, "400 d"],
  ])("a span of %d seconds is %s", (seconds, text) => {
    expect(span(seconds)).toBe(text);
  });

  test("counts have their thousands apart, and axes few characters", () => {
    expect(count(1_234_567)).toBe("1,234,567");
    expect(short(950)).toBe("950");
    expect(short(1_250)).toBe("1.25K");
    expect(short(0.05)).toBe("0.05");
  });

  test("the time of day is the reader's own", () => {
    const noon = new Date(2026, 10, 27, 12, 5, 9).getTime();
    expect(clock(noon)).toBe("12:05:09");
    expect(clock(noon, false)).toBe("12:05");
  });

  test("enums lose what all their values begin with", () => {
    expect(word("TRANSACTION_STATUS_IN_TRANSACTION", "TRANSACTION_STATUS_")).toBe("in transaction");
    expect(word("PHASE_UNSPECIFIED", "PHASE_")).toBe("");
    expect(word("7", "PHASE_")).toBe("7");
  });
});
