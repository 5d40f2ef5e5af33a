import { describe, expect, test } from "bun:test";
import type { ServerMessage } from "../kit/index.ts";
import { type CaseRun, firstDifference } from "./compare.ts";
import { Transcript } from "./transcript.ts";

const ROW: ServerMessage = { type: "D", body: Buffer.from("\0\x01\0\0\0\x01a") };
const OTHER_ROW: ServerMessage = { type: "D", body: Buffer.from("\0\x01\0\0\0\x01b") };
const READY: ServerMessage = { type: "Z", body: Buffer.from("I") };

/** A run with one connection. */
function runOf(messages: readonly ServerMessage[], failure?: unknown): CaseRun {
  const transcript = new Transcript("client 1");
  for (const message of messages) transcript.received(message);
  return { transcripts: [transcript], ...(failure !== undefined && { failure }) };
}

/** A column `x` of a table with this object id. */
function columnOf(tableOid: number): ServerMessage {
  const body = Buffer.from(`\0\x01x\0${"\0".repeat(18)}`);
  body.writeUInt32BE(tableOid, 4);
  return { type: "T", body };
}

describe("comparing", () => {
  test("finds nothing where nothing differs", () => {
    expect(firstDifference(runOf([ROW, READY]), runOf([ROW, READY]))).toBeUndefined();
  });

  test("names the connection, the position and both messages", () => {
    const found = firstDifference(runOf([ROW, ROW, READY]), runOf([ROW, OTHER_ROW, READY]));
    expect(found?.instead).toBe("DataRow b");
    expect(found?.text).toContain('connection "client 1", message 1');
    expect(found?.text).toMatch(/both: DataRow a\n +directly: DataRow a\n +got: DataRow b/);
  });

  test("finds what is missing, what is too much, and a script that failed", () => {
    const direct = runOf([ROW, READY]);
    const late = firstDifference(direct, runOf([ROW], new Error("waited in vain")));
    expect(late?.text).toMatch(/directly: ReadyForQuery I\n +got: \(nothing\)[^]*waited in vain/);
    expect(firstDifference(direct, runOf([ROW, READY, READY]))?.instead).toBe("ReadyForQuery I");
    expect(firstDifference(direct, runOf([ROW, READY], "broken"))?.text).toContain("broken");
  });

  test("takes new tables for the same in the order they are met", () => {
    const direct = runOf([columnOf(20_000), columnOf(20_001), columnOf(20_000)]);
    const same = runOf([columnOf(30_007), columnOf(30_003), columnOf(30_007)]);
    expect(firstDifference(direct, same)).toBeUndefined();
    const other = runOf([columnOf(30_007), columnOf(30_007), columnOf(30_003)]);
    expect(firstDifference(direct, other)?.text).toContain("message 1");
    expect(firstDifference(runOf([columnOf(1259)]), runOf([columnOf(1260)]))).toBeDefined();
  });

  test("masks process ids and cancel keys", () => {
    const key = (fill: number): ServerMessage => ({ type: "K", body: Buffer.alloc(8, fill) });
    const told = (pid: string): ServerMessage => ({ type: "A", body: Buffer.from(`${pid}a\0b\0`) });
    const direct = runOf([key(1), told("pid1")]);
    expect(firstDifference(direct, runOf([key(2), told("pid2")]))).toBeUndefined();
  });
});
