import { expect, test } from "bun:test";
import { localTimeZone, zoneAbbreviation } from "./time-zone.ts";

const WINTER = Date.parse("2024-01-15T12:00:00Z");
const SUMMER = Date.parse("2024-07-15T12:00:00Z");

test.each([
  ["UTC", WINTER, 0, "UTC"],
  ["America/New_York", WINTER, -300, "EST"],
  ["America/New_York", SUMMER, -240, "EDT"],
  ["Europe/Berlin", WINTER, 60, "CET"],
  ["Europe/Berlin", SUMMER, 120, "CEST"],
  ["Australia/Sydney", WINTER, 660, "AEDT"],
  ["Asia/Kolkata", WINTER, 330, "IST"],
  ["America/Sao_Paulo", WINTER, -180, "-03"],
  ["Asia/Kathmandu", WINTER, 345, "+0545"],
])("%s at %d is called by its name", (timeZone, timeMs, offset, expected) => {
  expect(zoneAbbreviation(timeMs, offset, timeZone)).toBe(expected);
});

test.each(["UTC", "Europe/Berlin", "America/New_York"])("TZ=%s is the local zone", (timeZone) => {
  const file = JSON.stringify(import.meta.dir + "/time-zone.ts");
  const script = `import { localTimeZone } from ${file};
    console.log(localTimeZone.offsetMinutes(${SUMMER}), localTimeZone.abbreviation(${SUMMER}));`;
  const env = { ...process.env, TZ: timeZone };
  const { stdout } = Bun.spawnSync([process.execPath, "-e", script], { env });
  const expected = { UTC: "0 UTC", "Europe/Berlin": "120 CEST", "America/New_York": "-240 EDT" };
  expect(stdout.toString().trim()).toBe(expected[timeZone]);
});

test("UTC is not a negative zero minutes ahead of itself", () => {
  expect(Object.is(localTimeZone.offsetMinutes(WINTER), -0)).toBe(false);
});
