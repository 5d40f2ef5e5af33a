import { describe, expect, test } from "bun:test";
import { MemoryLogger } from "../../../tests/fixtures/memory-logger.ts";
import { textLogger } from "../../../tests/fixtures/text-logger.ts";
import { PluginLog } from "./plugin-log.ts";

function logged(...lines: string[]) {
  const logger = new MemoryLogger();
  const log = new PluginLog(logger);
  for (const line of lines) log.stderr(line, Buffer.byteLength(line));
  return { records: logger.records, lastWords: log.lastWords };
}

describe("a line of a plugin", () => {
  test("in hclog's JSON keeps its level, message and fields", () => {
    const line =
      '{"@level":"warn","@message":"slow","@module":"cache","@timestamp":"2026-01-02T03:04:05.000006Z","ms":12,"keys":["a"]}';
    expect(logged(line).records).toEqual([
      {
        level: "warn",
        message: "slow",
        fields: { module: "cache", timestamp: "2026-01-02T03:04:05.000006Z", ms: 12, keys: ["a"] },
      },
    ]);
  });

  test.each([
    ['{"@message":"no level"}', "debug", "no level"],
    ['{"@level":"loud","@message":"unknown level"}', "debug", "unknown level"],
    ['{"level":"error","message":"not hclog"}', "debug", '{"level":"error","message":"not hclog"}'],
    ["{not JSON", "debug", "{not JSON"],
    ["[TRACE] a", "trace", "a"],
    ["[INFO]  b", "info", "b"],
    ["[WARN] c", "warn", "c"],
    ["[ERROR] d", "error", "d"],
    ["[OTHER] e", "debug", "[OTHER] e"],
    ["plain", "debug", "plain"],
  ])("%s is told at its level", (line, level, message) => {
    const records: readonly unknown[] = logged(line).records;
    expect(records).toEqual([{ level, message, fields: {} }]);
  });

  test("from a panic on is an error, and the panic its last words", () => {
    const { records, lastWords } = logged(
      "before",
      "panic: index out of range",
      "",
      "goroutine 1 [running]:",
      "main.main()",
      "panic: a second one while that was told",
    );
    expect(records.map(({ level }) => level)).toEqual([
      "debug",
      "error",
      "error",
      "error",
      "error",
    ]);
    expect(lastWords).toBe("panic: index out of range");
  });

  test("that is cut is no JSON, and says how long it was", () => {
    const logger = new MemoryLogger();
    new PluginLog(logger).stderr('{"@level":"error"', 70_000);
    expect(logger.records).toEqual([
      { level: "debug", message: '{"@level":"error"', fields: { cutFromBytes: 70_000 } },
    ]);
  });

  test("cannot speak for anything but its plugin", () => {
    const { logger, consoleText, json } = textLogger();
    const forged = '{"@message":"m","plugin":"other","group":"g","time":1,"@level":"info"}';
    new PluginLog(logger.child({ plugin: "own" })).stderr(forged, forged.length);
    const fields = "group=default plugin=own plugin_group=g plugin_plugin=other plugin_time=1";
    expect(consoleText()).toBe(`INF m ${fields}\n`);
    expect(json()).toMatchObject([{ plugin: "own", group: "default", plugin_plugin: "other" }]);
  });

  const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
  test.each([
    ['{"@level":"constructor","@message":"a"}', "DBG a"],
    ['{"@level":"__proto__","@message":"b"}', "DBG b"],
    ['{"@level":{"toString":1},"@message":"c"}', "DBG c"],
    ['{"@message":{"toString":1}}', 'DBG {"toString":1}'],
    ['{"@message":null}', "DBG null"],
    ['{"@message":["d"]}', 'DBG ["d"]'],
    [`{"@message":${deep}}`, "DBG [[["],
    [`{"@message":"e","deep":${deep}}`, "DBG e deep="],
    ['{"@message":"f","__proto__":{"toJSON":1},"@toString":2}', "DBG f "],
    ["[constructor] g", "DBG [constructor] g"],
  ])("is written whatever it holds: %#", (line, expected) => {
    const { logger, consoleText, json } = textLogger();
    new PluginLog(logger).stderr(line, line.length);
    expect(consoleText()).toStartWith(expected);
    expect(json()).toHaveLength(1);
  });
});
