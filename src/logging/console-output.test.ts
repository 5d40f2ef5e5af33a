import { describe, expect, test } from "bun:test";
import { consoleOutput } from "./console-output.ts";
import type { LogFields, RecordLevel } from "./logger.ts";

const zone = { offsetMinutes: () => 60, abbreviation: () => "CET" };
const timeMs = Date.parse("2024-03-02T13:24:51+01:00");

function line(
  fields: LogFields,
  {
    level = "info",
    message = "m",
    isColored = false,
  }: {
    level?: RecordLevel;
    message?: string;
    isColored?: boolean;
  } = {},
): string {
  let text = "";
  const write = (part: string) => void (text += part);
  consoleOutput({ timeFormat: "RFC3339", isColored, zone, write }).write({
    level,
    timeMs,
    message,
    fields,
  });
  return text;
}

/** The text behind the message. */
const fieldsOf = (fields: LogFields) =>
  line(fields).slice("2024-03-02T13:24:51+01:00 INF m".length);

test("a line has the original's form", () => {
  const message = "There are clients available in the pool";
  expect(line({ group: "default", name: "writes", count: 10 }, { message })).toBe(
    "2024-03-02T13:24:51+01:00 INF There are clients available in the pool count=10 group=default name=writes\n",
  );
});

test.each([
  ["trace", "TRC"],
  ["debug", "DBG"],
  ["info", "INF"],
  ["warn", "WRN"],
  ["error", "ERR"],
  ["fatal", "FTL"],
  ["panic", "PNC"],
] as const)("%s is written as %s", (level, label) => {
  expect(line({}, { level })).toBe(`2024-03-02T13:24:51+01:00 ${label} m\n`);
});

describe("fields", () => {
  test("are sorted by name, `error` first", () => {
    expect(fieldsOf({ b: 1, error: "e", Z: 2, a: 3, err: 4 })).toBe(" error=e Z=2 a=3 b=1 err=4\n");
  });

  test.each([
    ["a number", 1.5, "1.5"],
    ["a boolean", true, "true"],
    ["null", null, "null"],
    ["an empty text", "", ""],
    ["a list", ["a b", 1], '["a b",1]'],
    ["an object", { a: { b: 1 } }, '{"a":{"b":1}}'],
    ["a bigint", 10n, "10"],
    ["bytes", new Uint8Array([1, 2]), "AQI="],
    ["a list of bigints", [1n], '["1"]'],
    ["a date", new Date(0), '"1970-01-01T00:00:00.000Z"'],
    ["an error", new Error("refused"), "refused"],
    ["an error without a message", new TypeError(), "TypeError"],
    ["a list of errors", [new Error("refused")], '["refused"]'],
  ])("hold %s", (_, value, expected) => {
    expect(fieldsOf({ f: value })).toBe(` f=${expected}\n`);
  });

  test.each([
    ["a b", '"a b"'],
    ['say "hi"', String.raw`"say \"hi\""`],
    [String.raw`C:\temp`, String.raw`"C:\\temp"`],
    ["two\nlines\r\tand\u0007", String.raw`"two\nlines\r\tand\a"`],
    ["\u001B[31mred", String.raw`"\x1b[31mred"`],
    ["\u0000\u007F", String.raw`"\x00\x7f"`],
    ["café", '"café"'],
    ["line\u2028break", String.raw`"line\u2028break"`],
    ["nel\u0085", String.raw`"nel\u0085"`],
    ["rtl\u202E", String.raw`"rtl\u202e"`],
    ["tag\u{E0001}", String.raw`"tag\U000e0001"`],
    ["127.0.0.1:5432", "127.0.0.1:5432"],
    ["a=b,[c]{d}~!#'", "a=b,[c]{d}~!#'"],
  ])("quote the text %p where it must be", (text, expected) => {
    expect(fieldsOf({ f: text })).toBe(` f=${expected}\n`);
  });

  test.each([[undefined], [() => 1], [Symbol("s")]])("without a text are left out: %p", (value) => {
    expect(fieldsOf({ f: value, g: 1 })).toBe(" g=1\n");
  });

  test("cannot take the place of the record's own", () => {
    expect(fieldsOf({ level: "x", time: "y", message: "z", group: "g" })).toBe(" group=g\n");
  });

  test("tell the causes of an error, each once", () => {
    const refused = new Error("refused");
    const wrapped = new Error("dialling: refused", { cause: refused });
    expect(fieldsOf({ error: new Error("no backend", { cause: wrapped }) })).toBe(
      ' error="no backend: dialling: refused"\n',
    );
    expect(fieldsOf({ error: new Error("failed", { cause: "a text" }) })).toBe(
      ' error="failed: a text"\n',
    );
  });

  test("survive what cannot be written", () => {
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    expect(fieldsOf({ circle })).toContain("cannot be written");
    const endless = new Error("endless");
    endless.cause = endless;
    expect(fieldsOf({ endless })).toBe(" endless=endless\n");
    const odd = new Error("odd", { cause: Object.create(null) });
    expect(fieldsOf({ odd })).toContain("cannot be written");
  });
});

test("an empty message leaves no gap", () => {
  expect(line({ a: 1 }, { message: "" })).toBe("2024-03-02T13:24:51+01:00 INF a=1\n");
});

describe("what a plugin or a client says cannot leave its place", () => {
  test.each([
    ["two\nlines\r", String.raw`two\nlines\r`],
    ["\u001B[2J", String.raw`\x1b[2J`],
    ["\u009B2J\u2028\u202E", String.raw`\u009b2J\u2028\u202e`],
    ['say "hi" to C:\\temp', 'say "hi" to C:\\temp'],
    ["\tmain.go:12 café", "\tmain.go:12 café"],
  ])("in the message %p", (message, expected) => {
    expect(line({}, { message })).toBe(`2024-03-02T13:24:51+01:00 INF ${expected}\n`);
  });

  test("in the name of a field", () => {
    expect(fieldsOf({ "a\nb": 1, "c d": 2, "e=f": 3 })).toBe(
      String.raw` "a\nb"=1 "c d"=2 "e=f"=3` + "\n",
    );
  });

  test("in a value of several", () => {
    expect(fieldsOf({ f: ["a\nb", "\u009B2J\u007F"] })).toBe(
      String.raw` f=["a\nb","\u009b2J\x7f"]` + "\n",
    );
  });
});

describe("colours", () => {
  const paint = (style: number, text: string) => `\u001B[${style}m${text}\u001B[0m`;
  const time = paint(90, "2024-03-02T13:24:51+01:00");

  test("show time, level, message, names and the error", () => {
    const error = paint(31, paint(1, "broken"));
    expect(line({ error: "broken", a: "x" }, { level: "error", isColored: true })).toBe(
      `${time} ${paint(31, "ERR")} ${paint(1, "m")} ${paint(36, "error=")}${error} ${paint(36, "a=")}x\n`,
    );
  });

  test("leave debug lines quiet", () => {
    expect(line({}, { level: "debug", isColored: true })).toBe(`${time} DBG m\n`);
  });
});
