import { describe, expect, test } from "bun:test";
import type { WatchedUnit } from "../watch/index.ts";
import { createLogger } from "./create-logger.ts";
import type { LogRecord } from "./log-output.ts";
import type { LogLevel } from "./logger.ts";
import { LogWatch } from "./log-watch.ts";
import type { LogWatchOptions } from "./log-watch.ts";

const SESSION = {
  id: "7",
  user: "alice",
  database: "shop",
  applicationName: "psql",
  block: "writes",
};

const UNIT: WatchedUnit = {
  session: SESSION,
  clientAddress: "10.0.0.9:50000",
  serverAddress: "10.0.0.1:5432",
  beganMs: 0,
  waitedMs: 0.25,
  kind: "query",
  request: undefined,
  text: "select 'secret'",
  requestBytes: 21,
  answerBytes: 64,
  commandTag: "SELECT 3",
  rows: 3,
  sqlState: undefined,
  transactionStatus: 0x49,
  isMultiplexed: false,
  preparedHits: 0,
  preparedMisses: 0,
  pinReason: undefined,
  traceId: undefined,
};

function setUp(
  level: LogLevel,
  slow: Partial<NonNullable<LogWatchOptions["slowQueries"]>> = {},
  more: Partial<LogWatchOptions> = {},
) {
  const records: LogRecord[] = [];
  const output = { write: (record: LogRecord) => void records.push(record) };
  const logger = createLogger({ group: "g", level, outputs: [output], now: () => 42 });
  const slowQueries = {
    thresholdMs: 100,
    sampling: 1,
    normalize: (text: string) => text.replaceAll(/'[^']*'/g, "$1"),
    ...slow,
  };
  return { records, watch: new LogWatch({ logger, slowQueries, ...more }) };
}

describe("a slow query", () => {
  test("is logged with all that is known of it, without its values", () => {
    const { records, watch } = setUp("info", {}, { traceIdOf: () => "4bf92f3577b34da6" });
    watch.block("writes").unitEnded(UNIT, 100.00049);
    expect(records).toEqual([
      {
        level: "warn",
        timeMs: 42,
        message: "Slow query",
        fields: {
          group: "g",
          name: "writes",
          durationMs: 100,
          waitedMs: 0.25,
          user: "alice",
          database: "shop",
          applicationName: "psql",
          client: "10.0.0.9:50000",
          server: "10.0.0.1:5432",
          connectionId: "7",
          traceId: "4bf92f3577b34da6",
          command: "SELECT",
          rows: 3,
          sqlState: undefined,
          statement: "select $1",
        },
      },
    ]);
  });

  test.each([
    ["SELECT 3", { command: "SELECT", rows: 3 }],
    ["INSERT 0 5", { command: "INSERT", rows: 5 }],
    ["BEGIN", { command: "BEGIN" }],
    ["CREATE TABLE", { command: "CREATE TABLE" }],
    ["COPY 12", { command: "COPY", rows: 12 }],
    [undefined, {}],
  ])("that ended with %p tells %p", (commandTag, expected) => {
    const { records, watch } = setUp("info");
    watch.block("writes").unitEnded({ ...UNIT, commandTag }, 200);
    const { command, rows } = records[0]?.fields ?? {};
    expect({ command, rows }).toEqual({ command: undefined, rows: undefined, ...expected });
  });

  test("is one that takes the threshold or longer", () => {
    const { records, watch } = setUp("info");
    watch.block("writes").unitEnded(UNIT, 99.99);
    watch.block("writes").unitEnded(UNIT, 100);
    expect(records).toHaveLength(1);
  });

  test("is logged as often as the sampling says", () => {
    let chance = 0;
    const random = () => (chance = (chance + 0.1) % 1);
    const { records, watch } = setUp("info", { sampling: 0.25 }, { random });
    for (let turn = 0; turn < 100; turn += 1) watch.block("writes").unitEnded(UNIT, 200);
    expect(records.length).toBeWithin(20, 31);
    const none = setUp("info", { sampling: 0 });
    none.watch.block("writes").unitEnded(UNIT, 200);
    expect(none.records).toEqual([]);
  });

  test("whose values cannot be told from the rest is logged without its text", () => {
    const { records, watch } = setUp("info", { normalize: () => undefined });
    watch.block("writes").unitEnded(UNIT, 200);
    expect(records[0]?.fields).toMatchObject({ statementLength: 15 });
    expect(JSON.stringify(records)).not.toContain("secret");
  });

  test("that is very long is not read, and the text of a long one is cut", () => {
    const { records, watch } = setUp("info");
    watch.block("writes").unitEnded({ ...UNIT, text: "x".repeat(10_000) }, 200);
    watch.block("writes").unitEnded({ ...UNIT, text: "x".repeat(40_000) }, 200);
    watch.block("writes").unitEnded({ ...UNIT, text: undefined }, 200);
    expect(records[0]?.fields["statement"]).toBe(`${"x".repeat(4096)}...`);
    expect(records[1]?.fields).toMatchObject({ statementLength: 40_000 });
    expect(Object.keys(records[2]?.fields ?? {})).not.toContain("statement");
  });

  test("is not read at all where the level hides it", () => {
    const normalize = (): never => {
      throw new Error("read");
    };
    const { records, watch } = setUp("error", { normalize });
    watch.block("writes").unitEnded(UNIT, 200);
    expect(records).toEqual([]);
  });
});

test("only with a threshold units are looked at", () => {
  const { watch } = setUp("info", {}, { slowQueries: undefined });
  expect(watch.block("writes").unitBegan()).toBe(false);
  expect(setUp("info").watch.block("writes").unitBegan()).toBe(true);
  expect(watch.block("writes")).toBe(watch.block("writes"));
});

test("a threshold that is set later holds for the next unit", () => {
  const { records, watch } = setUp("info", {}, { slowQueries: undefined });
  const block = watch.block("writes");
  block.unitEnded(UNIT, 200);
  const slowly = { thresholdMs: 150, sampling: 1, normalize: (text: string) => text };
  watch.logSlowQueries(slowly);
  expect(block.unitBegan()).toBe(true);
  block.unitEnded(UNIT, 149);
  block.unitEnded(UNIT, 150);
  expect(records).toHaveLength(1);
  watch.logSlowQueries(undefined);
  block.unitEnded(UNIT, 200);
  expect([records.length, block.unitBegan()]).toEqual([1, false]);
});

test("at level debug connections and their traffic are told of, each with the id of the connection", () => {
  const { records, watch } = setUp("debug", {}, { traceIdOf: () => "t" });
  watch.opened(SESSION, { remoteAddress: "10.0.0.9:50000" });
  watch.block("writes").unitEnded(UNIT, 1);
  watch.block("writes").unitEnded({ ...UNIT, serverAddress: "" }, 1);
  watch.closed(SESSION, 1234.5678);
  expect(records.map(({ message }) => message)).toEqual([
    "A client has connected",
    "Received data from client",
    "Sent data to database",
    "Received data from database",
    "Sent data to client",
    "Received data from client",
    "Sent data to client",
    "A client has disconnected",
  ]);
  for (const { level, fields } of records) {
    expect(level).toBe("debug");
    expect(fields).toMatchObject({ connectionId: "7", traceId: "t" });
  }
  expect(records.at(-1)?.fields).toMatchObject({ client: "10.0.0.9:50000", openMs: 1234.568 });
  const { remote, length } = records[3]?.fields ?? {};
  expect({ remote, length }).toEqual({ remote: "10.0.0.1:5432", length: 64 });
});

test("at level info they are not", () => {
  const { records, watch } = setUp("info");
  watch.opened(SESSION, { remoteAddress: "10.0.0.9:50000" });
  watch.block("writes").unitEnded(UNIT, 1);
  watch.closed(SESSION, 1);
  expect(records).toEqual([]);
});
