import { describe, expect, test } from "bun:test";
import { TYPES, written } from "./column-types.ts";
import type { Cell, ColumnType } from "./column-types.ts";

function hex(type: ColumnType, cell: Cell): string {
  const bytes = written(cell, { name: "x", type }, 1);
  return bytes === null ? "null" : Buffer.from(bytes).toString("hex");
}

/** What PostgreSQL 18 sends for `select 7::int4` and so on, in the binary format. */
describe("binary values are PostgreSQL's", () => {
  test.each([
    ["text", "añ", "61c3b1"],
    ["bool", true, "01"],
    ["bool", false, "00"],
    ["int4", 7, "00000007"],
    ["int8", 5_000_000_000, "000000012a05f200"],
    ["float8", 1.5, "3ff8000000000000"],
    ["numeric", 0, "0000000000000000"],
    ["numeric", 7, "00010000000000000007"],
    ["numeric", 10_000, "00010001000000000001"],
    ["numeric", 123_456_789, "0003000200000000000109291a85"],
    ["numeric", 12_340_000, "000100010000000004d2"],
    ["int4", null, "null"],
  ] as const)("%s %p", (type, cell, expected) => {
    expect(hex(TYPES[type], cell)).toBe(expected);
  });
});

test("texts are as PostgreSQL writes them", () => {
  expect(written(true, { name: "x", type: TYPES.bool }, 0)).toBe("t");
  expect(written(12, { name: "x", type: TYPES.numeric }, 0)).toBe("12");
  expect(written(null, { name: "x", type: TYPES.text }, 0)).toBeNull();
});
