import { expect, test } from "bun:test";
import { jsonOutput } from "./json-output.ts";
import type { LogFields } from "./logger.ts";

function line(
  fields: LogFields,
  timeFormat: Parameters<typeof jsonOutput>[0]["timeFormat"] = "unix",
) {
  let text = "";
  const timeMs = 1_709_382_291_987;
  const write = (part: string) => void (text += part);
  jsonOutput({ timeFormat, write }).write({ level: "info", timeMs, message: 'say "hi"\n', fields });
  return text;
}

test("a record begins with the level and ends with time and message", () => {
  expect(line({ group: "default", count: 10, name: "writes" })).toBe(
    String.raw`{"level":"info","group":"default","count":10,"name":"writes","time":1709382291,"message":"say \"hi\"\n"}` +
      "\n",
  );
});

test.each([
  ["unix", "1709382291"],
  ["unixms", "1709382291987"],
  ["unixmicro", "1709382291987000"],
  ["unixnano", "1709382291987000000"],
] as const)("the time as %s is %s", (timeFormat, expected) => {
  expect(line({}, timeFormat)).toContain(`"time":${expected},`);
});

test("fields keep their types; errors are their messages", () => {
  const cause = new Error("refused");
  const fields = {
    list: ["a", 1],
    none: null,
    big: 10n,
    bytes: new Uint8Array([1, 2]),
    error: new Error("failed", { cause }),
    'a "name"': true,
    missing: undefined,
    callback: () => {},
  };
  expect(JSON.parse(line(fields))).toEqual({
    level: "info",
    list: ["a", 1],
    none: null,
    big: "10",
    bytes: "AQI=",
    error: "failed: refused",
    'a "name"': true,
    time: 1_709_382_291,
    message: 'say "hi"\n',
  });
});

test("fields cannot take the place of the record's own", () => {
  const text = line({ level: "x", time: 1, message: "y", group: "g" });
  expect(Object.keys(JSON.parse(text))).toEqual(["level", "group", "time", "message"]);
  expect(JSON.parse(text)).toMatchObject({ level: "info", message: 'say "hi"\n' });
});

test("a value that cannot be written does not cost the record", () => {
  const circle: unknown[] = [];
  circle.push(circle);
  const thrower = {
    toJSON() {
      throw new Error("not me");
    },
  };
  const parsed = JSON.parse(line({ circle, thrower, ok: 1 }));
  expect(parsed.ok).toBe(1);
  expect(parsed.thrower).toBe("[cannot be written: not me]");
});
