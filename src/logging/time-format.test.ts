import { describe, expect, test } from "bun:test";
import { formatTime } from "./time-format.ts";
import type { TimeLayout } from "./time-format.ts";

const at = (offsetMinutes: number, abbreviation: string) => ({
  offsetMinutes: () => offsetMinutes,
  abbreviation: () => abbreviation,
});

/** The moment that Go's layouts are written with, and two with other lengths of their parts. */
const REFERENCE = { timeMs: Date.parse("2006-01-02T15:04:05-07:00"), zone: at(-420, "MST") };
const MARCH = { timeMs: Date.parse("2024-03-12T13:24:51.120+01:00"), zone: at(60, "CET") };
const MIDNIGHT = { timeMs: Date.parse("1999-12-05T00:09:08.007Z"), zone: at(0, "UTC") };

const EXPECTED: readonly [TimeLayout, string, string, string][] = [
  [
    "Layout",
    "01/02 03:04:05PM '06 -0700",
    "03/12 01:24:51PM '24 +0100",
    "12/05 12:09:08AM '99 +0000",
  ],
  ["ANSIC", "Mon Jan  2 15:04:05 2006", "Tue Mar 12 13:24:51 2024", "Sun Dec  5 00:09:08 1999"],
  [
    "UnixDate",
    "Mon Jan  2 15:04:05 MST 2006",
    "Tue Mar 12 13:24:51 CET 2024",
    "Sun Dec  5 00:09:08 UTC 1999",
  ],
  [
    "RubyDate",
    "Mon Jan 02 15:04:05 -0700 2006",
    "Tue Mar 12 13:24:51 +0100 2024",
    "Sun Dec 05 00:09:08 +0000 1999",
  ],
  ["RFC822", "02 Jan 06 15:04 MST", "12 Mar 24 13:24 CET", "05 Dec 99 00:09 UTC"],
  ["RFC822Z", "02 Jan 06 15:04 -0700", "12 Mar 24 13:24 +0100", "05 Dec 99 00:09 +0000"],
  [
    "RFC850",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Tuesday, 12-Mar-24 13:24:51 CET",
    "Sunday, 05-Dec-99 00:09:08 UTC",
  ],
  [
    "RFC1123",
    "Mon, 02 Jan 2006 15:04:05 MST",
    "Tue, 12 Mar 2024 13:24:51 CET",
    "Sun, 05 Dec 1999 00:09:08 UTC",
  ],
  [
    "RFC1123Z",
    "Mon, 02 Jan 2006 15:04:05 -0700",
    "Tue, 12 Mar 2024 13:24:51 +0100",
    "Sun, 05 Dec 1999 00:09:08 +0000",
  ],
  ["RFC3339", "2006-01-02T15:04:05-07:00", "2024-03-12T13:24:51+01:00", "1999-12-05T00:09:08Z"],
  [
    "RFC3339Nano",
    "2006-01-02T15:04:05-07:00",
    "2024-03-12T13:24:51.12+01:00",
    "1999-12-05T00:09:08.007Z",
  ],
  ["Kitchen", "3:04PM", "1:24PM", "12:09AM"],
  ["Stamp", "Jan  2 15:04:05", "Mar 12 13:24:51", "Dec  5 00:09:08"],
  ["StampMilli", "Jan  2 15:04:05.000", "Mar 12 13:24:51.120", "Dec  5 00:09:08.007"],
  ["StampMicro", "Jan  2 15:04:05.000000", "Mar 12 13:24:51.120000", "Dec  5 00:09:08.007000"],
  [
    "StampNano",
    "Jan  2 15:04:05.000000000",
    "Mar 12 13:24:51.120000000",
    "Dec  5 00:09:08.007000000",
  ],
];

describe.each(EXPECTED)("%s", (layout, reference, march, midnight) => {
  test.each([
    [reference, REFERENCE],
    [march, MARCH],
    [midnight, MIDNIGHT],
  ])("writes %p", (expected, { timeMs, zone }) => {
    expect(formatTime(layout, timeMs, zone)).toBe(expected);
  });
});

test("the day and the year are those of the zone", () => {
  const newYear = Date.parse("2023-12-31T20:00:00Z");
  expect(formatTime("RFC3339", newYear, at(330, "IST"))).toBe("2024-01-01T01:30:00+05:30");
  expect(formatTime("ANSIC", newYear, at(330, "IST"))).toBe("Mon Jan  1 01:30:00 2024");
  expect(formatTime("RFC3339", newYear, at(-210, "NST"))).toBe("2023-12-31T16:30:00-03:30");
});

test("noon is 12 PM", () => {
  expect(formatTime("Kitchen", Date.parse("2024-01-01T12:00:00Z"), at(0, "UTC"))).toBe("12:00PM");
});
