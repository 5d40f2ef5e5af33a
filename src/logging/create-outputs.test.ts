import { expect, test } from "bun:test";
import { createLogger, createOutputs } from "./index.ts";
import type { OutputSettings } from "./index.ts";

const DEFAULTS: OutputSettings = {
  output: ["console"],
  noColor: false,
  timeFormat: "unix",
  consoleTimeFormat: "Kitchen",
};

/** What one record becomes, as `[descriptor, text]`. */
function written(
  settings: Partial<OutputSettings>,
  { env = {}, terminals = [] }: { env?: Record<string, string>; terminals?: number[] } = {},
): [number, string][] {
  const texts: [number, string][] = [];
  const outputs = createOutputs(
    { ...DEFAULTS, ...settings },
    {
      env,
      isTerminal: (fd) => terminals.includes(fd),
      write: (fd, text) => void texts.push([fd, text]),
    },
  );
  const now = () => 1_709_382_291_987;
  createLogger({ group: "g", level: "info", outputs, now }).info("hello");
  return texts;
}

const JSON_LINE = '{"level":"info","group":"g","time":1709382291,"message":"hello"}\n';

test("console lines go to standard error", () => {
  const [[fd, text] = [0, ""]] = written({});
  expect(fd).toBe(2);
  expect(text).toMatch(/^\d{1,2}:\d\d[AP]M INF hello group=g\n$/);
});

test("stdout and stderr are JSON; all outputs get the record", () => {
  const texts = written({ output: ["stdout", "console", "stderr"] });
  expect(texts.map(([fd]) => fd)).toEqual([1, 2, 2]);
  expect([texts[0]?.[1], texts[2]?.[1]]).toEqual([JSON_LINE, JSON_LINE]);
});

test("an empty timeFormat means unix, and others are used", () => {
  expect(written({ output: ["stdout"], timeFormat: "" })).toEqual([[1, JSON_LINE]]);
  expect(written({ output: ["stdout"], timeFormat: "unixms" })[0]?.[1]).toContain("1709382291987");
});

test.each([
  ["on a terminal", {}, { terminals: [2] }, true],
  ["when only standard output is a terminal", {}, { terminals: [1] }, false],
  ["when it is no terminal", {}, {}, false],
  ["with noColor", { noColor: true }, { terminals: [2] }, false],
  ["with NO_COLOR", {}, { terminals: [2], env: { NO_COLOR: "1" } }, false],
  ["with an empty NO_COLOR", {}, { terminals: [2], env: { NO_COLOR: "" } }, true],
])("console lines %s have the colours they should", (_, settings, environment, isColored) => {
  expect(written(settings, environment)[0]?.[1]?.includes("\u001B[")).toBe(isColored);
});

test("an output that does not exist is refused", () => {
  expect(() => written({ output: ["pigeon"] })).toThrow(
    expect.objectContaining({
      code: "ERR_CONFIG_INVALID",
      message: 'loggers: unknown output "pigeon"',
    }),
  );
});
