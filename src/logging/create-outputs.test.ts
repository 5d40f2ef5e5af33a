import { expect, test } from "bun:test";
import { createLogger, createOutputs } from "./index.ts";
import type { OutputSettings, SinkKind } from "./index.ts";
import { memorySink, OUTPUT_SETTINGS } from "../../tests/fixtures/memory-sink.ts";

const DEFAULTS: OutputSettings = { ...OUTPUT_SETTINGS, consoleTimeFormat: "Kitchen" };

/** What one record becomes, as `[sink, text]`. */
function written(
  settings: Partial<OutputSettings>,
  { env = {}, terminals = [] }: { env?: Record<string, string>; terminals?: number[] } = {},
): [SinkKind, string][] {
  const texts: [SinkKind, string][] = [];
  const { outputs } = createOutputs(
    { ...DEFAULTS, ...settings },
    (kind) => ({ ...memorySink(kind), write: (text) => void texts.push([kind, text]) }),
    { env, isTerminal: (fd) => terminals.includes(fd) },
  );
  const now = () => 1_709_382_291_987;
  createLogger({ group: "g", level: "info", outputs, now }).info("hello");
  return texts;
}

const JSON_LINE = '{"level":"info","group":"g","time":1709382291,"message":"hello"}\n';

test("console lines go to standard error", () => {
  const [[kind, text] = ["", ""]] = written({});
  expect(kind).toBe("stderr");
  expect(text).toMatch(/^\d{1,2}:\d\d[AP]M INF hello group=g\n$/);
});

test("all but the console are JSON; each output gets the record once", () => {
  const output = ["stdout", "console", "stderr", "file", "syslog", "rsyslog", "stdout"];
  const [console, ...others] = written({ output });
  expect(console?.[0]).toBe("stderr");
  expect(others).toEqual(
    (["stdout", "stderr", "file", "syslog", "rsyslog"] as const).map((kind) => [kind, JSON_LINE]),
  );
});

test("an empty timeFormat means unix, and others are used", () => {
  expect(written({ output: ["stdout"], timeFormat: "" })).toEqual([["stdout", JSON_LINE]]);
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
