import { beforeAll, expect, test } from "bun:test";
import { loadSql, normalize } from "../sql/index.ts";
import { NormalTexts } from "./normal-texts.ts";

beforeAll(loadSql);

/** Tells how often the grammar was asked. */
function counted() {
  const told = { asked: 0, texts: new NormalTexts(() => undefined) };
  told.texts = new NormalTexts((sql) => {
    told.asked++;
    return normalize(sql);
  });
  return told;
}

test("the grammar reads one of the texts that differ in their values", () => {
  const told = counted();
  for (const value of ["1", "22", "'secret'", "$1"]) {
    expect(told.texts.of(`select a from t where b = ${value}`)).toBe(
      "select a from t where b = $1",
    );
  }
  expect(told.asked).toBe(1);
});

test.each([
  ["select a, b from t order by 1", "select a, b from t order by 2"],
  ["create table t (a numeric(5, 2))", "create table t (a numeric(6, 2))"],
  ["select a::varchar(10) from t", "select a::varchar(20) from t"],
])("%j and %j are not taken for the same", (one, other) => {
  const { texts } = counted();
  expect(texts.of(one)).toBe(normalize(one));
  expect(texts.of(other)).toBe(normalize(other));
  expect(texts.of(other)).not.toBe(texts.of(one));
});

test("what the grammar does not understand is no text, and is asked about again", () => {
  const told = counted();
  expect(told.texts.of("selekt 1")).toBeUndefined();
  expect(told.texts.of("selekt 2")).toBeUndefined();
  expect(told.asked).toBe(2);
});

test("only so many are remembered, and none that is long", () => {
  const told = counted();
  for (let index = 0; index < 1_001; index++) told.texts.of(`select a${index}`);
  told.texts.of("select a1000");
  expect(told.asked).toBe(1_001);
  told.texts.of("select a0");
  expect(told.asked).toBe(1_002);
  const long = `select ${"a, ".repeat(2_000)} b`;
  expect(told.texts.of(long)).toBe(told.texts.of(long));
  expect(told.asked).toBe(1_004);
});
