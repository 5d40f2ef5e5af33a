import { expect, test } from "bun:test";
import { frontend } from "../../../tests/fixtures/wire/index.ts";
import { UnitShapeReader } from "./unit-shape.ts";

const { parse, bind, execute, sync, flush, query, describePortal, describeStatement } = frontend;
const join = (...messages: readonly Uint8Array[]) => Buffer.concat(messages);

function read(unit: Buffer): string {
  const reader = new UnitShapeReader();
  const shape = reader.read(unit);
  return shape === "other" ? shape : `${shape} ${unit.toString("latin1", reader.from, reader.to)}`;
}

test.each([
  ["a query", query("select 1"), "query select 1"],
  ["a batch", join(parse("select $1"), bind(), execute(), sync()), "parse select $1\0\0\0"],
  [
    "a batch that asks for the columns",
    join(parse("select 1"), bind(), describePortal(), execute(), sync()),
    "parse select 1\0\0\0",
  ],
  ["a prepared statement", join(bind("", "s1"), execute(), sync()), "prepared s1"],
  [
    "a prepared statement, with columns",
    join(bind("", "s1"), describePortal(), execute(), sync()),
    "prepared s1",
  ],
])("%s is recognised", (_, unit, shape) => expect(read(unit)).toBe(shape));

test.each([
  ["two queries", join(query("select 1"), query("select 2"))],
  ["a query with a Sync", join(query("select 1"), sync())],
  ["a query that is not whole", query("select 1").subarray(0, 9)],
  ["a batch without its Sync", join(parse("select 1"), bind(), execute())],
  ["a batch up to a Flush", join(parse("select 1"), bind(), execute(), flush())],
  ["a batch and more", join(parse("select 1"), bind(), execute(), sync(), query("x"))],
  ["two runs", join(bind("", "s1"), execute(), bind("", "s1"), execute(), sync())],
  ["a named portal", join(parse("select 1"), bind("p"), execute(0, "p"), sync())],
  ["a portal run in parts", join(parse("select 1"), bind(), execute(10), sync())],
  [
    "a statement that gets a name",
    join(parse("select 1", "s1"), bind("", "s1"), execute(), sync()),
  ],
  ["another one than was parsed", join(parse("select 1"), bind("", "s1"), execute(), sync())],
  ["the unnamed one of before", join(bind(), execute(), sync())],
  ["a Describe of a statement", join(parse("select 1"), describeStatement(), sync())],
  ["a Bind alone", join(bind("", "s1"), sync())],
  ["the beginning of a Bind", bind("", "s1").subarray(0, 4)],
  ["a function call", join(frontend.functionCall(1))],
])("%s is not", (_, unit) => expect(read(unit)).toBe("other"));
