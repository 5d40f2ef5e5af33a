import { describe, expect, test } from "bun:test";
import { frontend, message, opening } from "../../../tests/fixtures/wire/index.ts";
import { asksForWork, fingerprintOf, sqlTextsOf, statementsOf } from "./sql-of-request.ts";

const { query, parse, bind, execute, sync, copyData } = frontend;

describe("the SQL of a request", () => {
  test("is the text of a Query, or of every Parse of a batch", () => {
    expect(sqlTextsOf(query("select 1"))).toEqual(["select 1"]);
    const batch = Buffer.concat([
      parse("select 1"),
      bind(),
      parse("drop table x"),
      execute(),
      sync(),
    ]);
    expect(sqlTextsOf(batch)).toEqual(["select 1", "drop table x"]);
  });

  test("is empty for what has none, or cannot be read", () => {
    for (const bytes of [opening.startup(), copyData("drop table x"), sync(), Buffer.alloc(0)]) {
      expect(sqlTextsOf(bytes)).toEqual([]);
    }
    const broken = message("Q", Buffer.from("no end"));
    expect(sqlTextsOf(broken)).toEqual([]);
    expect(sqlTextsOf(Buffer.concat([broken, query("select 1")]))).toEqual(["select 1"]);
    expect(sqlTextsOf(Buffer.from([0x51, 0, 0, 0, 0, 0x51, 0, 0]))).toEqual([]);
  });
});

test("statements are told apart whatever stands between their words", () => {
  expect(
    statementsOf(`DROP/* no */TABLE "X"; -- drop table y
      select 'drop table z', $$; drop table z$$, 12.5;;`),
  ).toEqual(['drop table "X"', "select 'drop table z' , $$ , 0"]);
});

test("statements that differ in their values have one fingerprint", () => {
  const texts = [
    "select * from t where a = 'x' and b = 1",
    "SELECT *\nFROM t WHERE a = 'it''s' AND b = 22 -- why",
    "select * from t where a = $$x$$ and b = 0.5",
  ];
  expect(new Set(texts.map(fingerprintOf))).toEqual(
    new Set(["select * from t where a = ? and b = 0"]),
  );
  expect(fingerprintOf("select * from u")).not.toBe(fingerprintOf("select * from t"));
});

test("no value is left in a fingerprint, however it is written, and of a long text only the beginning counts", () => {
  for (const value of ["'x'", "E'\\'x", "n'x", "U&'x'", "b'x", "$$x$$", "$x$x", "'x"]) {
    expect(fingerprintOf(`select ${value}`)).toBe("select ?");
  }
  expect(fingerprintOf(`select "x'"`)).toBe(`select "x'"`);
  const long = `select ${"a, ".repeat(40_000)}`;
  expect(fingerprintOf(`${long} b`)).toBe(fingerprintOf(`${long} c`));
});

test("a text of too many words is not told apart, one of a long value is", () => {
  expect(() => statementsOf(`select ${"a,".repeat(200_000)}a`)).toThrow("more than 200000 words");
  const [first, second] = statementsOf(`select '${"''x".repeat(3_000_000)}'; drop table y`);
  expect(first).toHaveLength("select ''".length + 9_000_000);
  expect(second).toBe("drop table y");
});

test("work is asked for by queries and batches, not by their ends, nor by data", () => {
  for (const bytes of [query("x"), parse("x"), bind(), execute()]) {
    expect(asksForWork(bytes)).toBe(true);
  }
  for (const bytes of [opening.startup(), copyData("x"), sync(), message("X")]) {
    expect(asksForWork(bytes)).toBe(false);
  }
});
