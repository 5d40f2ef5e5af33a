import { expect, test } from "bun:test";
import { MemoryLogger } from "../../../tests/fixtures/memory-logger.ts";
import { StrangerLog } from "./stranger-log.ts";

test("of those who are not known one in a second is told of, and how many there were between", () => {
  const logger = new MemoryLogger();
  let nowMs = 0;
  const strangers = new StrangerLog(logger, () => nowMs);
  const stranger = { door: "rest", address: "10.0.0.1", certificateNames: [] } as const;
  for (const atMs of [0, 10, 999, 1_000, 1_999]) {
    nowMs = atMs;
    strangers.came({ ...stranger, authorization: "Bearer guess" });
  }
  nowMs = 2_000;
  strangers.came({ ...stranger, authorization: undefined, certificateNames: ["eve"] });
  const told = { door: "rest", address: "10.0.0.1" };
  expect(logger.records.map(({ level, fields }) => [level, fields])).toEqual([
    ["warn", { ...told, shown: "token" }],
    ["warn", { ...told, shown: "token", untold: 2 }],
    ["warn", { ...told, shown: "certificate", untold: 1 }],
  ]);
});
