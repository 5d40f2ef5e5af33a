import { expect, test } from "bun:test";
import { LOG_LEVELS, createLogger } from "./index.ts";
import type { LogLevel, LogRecord, RecordLevel } from "./index.ts";

const isRecordLevel = (level: LogLevel): level is RecordLevel => level !== "disabled";

function setUp(level: LogLevel, group = "default") {
  const records: LogRecord[] = [];
  const output = { write: (record: LogRecord) => void records.push(record) };
  return { records, logger: createLogger({ group, level, outputs: [output], now: () => 42 }) };
}

test.each(LOG_LEVELS)("the level %s lets itself and what is above it through", (level) => {
  const { logger, records } = setUp(level);
  const levels = LOG_LEVELS.filter(isRecordLevel);
  for (const each of levels) logger.log(each, each);
  const expected = LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)).filter(isRecordLevel);
  expect(records.map((record) => record.level)).toEqual(expected);
  expect(levels.filter((each) => logger.isEnabled(each))).toEqual(expected);
});

test("each method writes a record of its level, with group and time", () => {
  const { logger, records } = setUp("trace", "blue");
  logger.trace("1", { a: 1 });
  logger.debug("2");
  logger.info("3");
  logger.warn("4");
  logger.error("5");
  logger.fatal("6");
  expect(records).toEqual([
    { level: "trace", timeMs: 42, message: "1", fields: { group: "blue", a: 1 } },
    { level: "debug", timeMs: 42, message: "2", fields: { group: "blue" } },
    { level: "info", timeMs: 42, message: "3", fields: { group: "blue" } },
    { level: "warn", timeMs: 42, message: "4", fields: { group: "blue" } },
    { level: "error", timeMs: 42, message: "5", fields: { group: "blue" } },
    { level: "fatal", timeMs: 42, message: "6", fields: { group: "blue" } },
  ]);
});

test("children add fields and follow the level of their parent", () => {
  const { logger, records } = setUp("warn");
  const grandchild = logger.child({ name: "writes" }).child({ id: 7, name: "reads" });
  grandchild.info("dropped");
  logger.setLevel("info");
  grandchild.info("kept", { id: 8 });
  expect(records.map(({ message, fields }) => [message, fields])).toEqual([
    ["kept", { group: "default", name: "reads", id: 8 }],
  ]);
});

test("a logger's level is its own", () => {
  const [one, two] = [setUp("info"), setUp("info")];
  one.logger.setLevel("disabled");
  expect(one.logger.isEnabled("panic")).toBe(false);
  expect(two.logger.isEnabled("info")).toBe(true);
});

test("every output gets the record", () => {
  const seen: string[] = [];
  const output = (name: string) => ({
    write: ({ message }: LogRecord) => void seen.push(`${name} ${message}`),
  });
  const logger = createLogger({ group: "g", level: "info", outputs: [output("a"), output("b")] });
  logger.info("hello");
  expect(seen).toEqual(["a hello", "b hello"]);
});

test("records have the time of the system unless told otherwise", () => {
  const times: number[] = [];
  const output = { write: ({ timeMs }: LogRecord) => void times.push(timeMs) };
  const before = Date.now();
  createLogger({ group: "g", level: "info", outputs: [output] }).info("now");
  expect(times[0]).toBeWithin(before, Date.now() + 1);
});

test.each(LOG_LEVELS)(
  "at the level %s a record that is insisted on is written, unless that is disabled",
  (level) => {
    const { logger, records } = setUp(level, "blue");
    logger.child({ b: 2 }).insist("info", "told", { a: 1 });
    const record: LogRecord = {
      level: "info",
      timeMs: 42,
      message: "told",
      fields: { group: "blue", a: 1, b: 2 },
    };
    expect(records).toEqual(level === "disabled" ? [] : [record]);
  },
);
