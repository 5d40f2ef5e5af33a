import { describe, expect, test } from "bun:test";
import { literalsDetour } from "./literals-detour.ts";
import { Settings } from "./settings.ts";

const MDY = new Settings([
  ["DateStyle", "ISO, MDY"],
  ["work_mem", "1MB"],
  ["search_path", "a"],
]);
const UTC = new Settings([
  ["TimeZone", "UTC"],
  ["role", "b"],
]);

describe("a detour to the settings of another time", () => {
  test("goes there and back, by what literals are read by alone", () => {
    expect(literalsDetour(UTC, MDY, false)).toEqual({
      before: [
        'RESET "TimeZone"',
        "SELECT WHERE pg_catalog.set_config('DateStyle', 'ISO, MDY', false) IS NULL",
      ],
      after: [
        'RESET "DateStyle"',
        "SELECT WHERE pg_catalog.set_config('TimeZone', 'UTC', false) IS NULL",
      ],
    });
  });

  test("is taken back by a savepoint inside of a transaction, whatever is in force", () => {
    expect(literalsDetour(undefined, MDY, true)).toEqual({
      before: [
        "SAVEPOINT _gatewayd_literals",
        "RESET ALL",
        "SELECT WHERE pg_catalog.set_config('DateStyle', 'ISO, MDY', false) IS NULL",
      ],
      after: ["ROLLBACK TO SAVEPOINT _gatewayd_literals", "RELEASE SAVEPOINT _gatewayd_literals"],
    });
  });

  test("is none without a way back", () => {
    expect(literalsDetour(undefined, MDY, false)).toBeUndefined();
  });
});
