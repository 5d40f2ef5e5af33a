import { describe, expect, test } from "bun:test";
import { shapeOf } from "./statement-shape.ts";

function shape(text: string): number {
  const bytes = Buffer.from(text);
  return shapeOf(bytes, 0, bytes.length);
}

/** Texts of each line have one shape, and no two lines the same. */
const ALIKE: readonly (readonly string[])[] = [
  [
    "select 1",
    "SELECT 2",
    "select  -- why\n 3",
    "/* a /* b */ c */ select 4",
    "select 'text'",
    "select $1",
  ],
  ["select a from t where b = 5", "Select a From t Where b=6", "select a from t where b = 'it''s'"],
  ["select a from t where b = 'x' and c > 5", "select a from t where b=$1 and c>$22"],
  ["select e'it\\'s', 1", "select E'\\\\', 2", "select e'x'"],
  ["select date'2026-01-01\\'", "select DATE 'x'"],
  ["select $$it's$$ as a", "select $q$ $$ ' $q$ as a", "select 5 as a"],
  ["select a1 from t2", "select  a1  from  t2"],
  ['select "A b" from t', 'select "A b"from t'],
  ['select "a b" from t'],
  ['select "a""b" from t'],
  [
    "select * from t where a in (1)",
    "select * from t where a in (1, 2, 3)",
    "select * from t where a in ($1,$2)",
  ],
  ["insert into t values (1, 'a')", "insert into t values (1, null), (-2, 'b'), (3, 'c')"],
  ["insert into t values (1, f())", "insert into t values (2, f())"],
  ["insert into t values (1, f()), (2, f())"],
  ["insert into t values (1, 'a') returning a", "insert into t values (1,2),(3,4) returning a"],
  ["insert into t values (1), (a)", "insert into t values (2), (a)"],
  ["insert into t values (1), (2, a)", "insert into t values (1), (3, a)"],
  ["select 1.5e-3 + .5", "select 17 + 0xff"],
  ["select 1, a", "select 1, 2, a"],
  ["select (1), a", "select (1), (2), a"],
  ["select a.b from a", "select a . b from a"],
  ["select a - 5", "select a-6"],
  ["select -5"],
  ["select a$1b from t"],
  ["select $ from t"],
  ["select a"],
  ["select b"],
  ["selecta"],
  ["select null", "select NULL"],
  ["select nullable, 1"],
  ["begin"],
  ["", "   ", "-- nothing", "/* open"],
];

test("statements that differ in their values alone have one shape, and no others", () => {
  const shapes = ALIKE.map((texts) => texts.map((text) => shape(text)));
  for (const [line, [first, ...others]] of shapes.entries()) {
    for (const [index, other] of others.entries()) {
      expect([ALIKE[line]?.[index + 1], other]).toEqual([ALIKE[line]?.[index + 1], first]);
    }
  }
  const firsts = shapes.map(([first]) => first);
  const twice = ALIKE.filter((_, line) => firsts.indexOf(firsts[line]) !== line);
  expect(twice).toEqual([]);
});

describe("a shape", () => {
  test("is a whole number, and any of them", () => {
    const shapes = Array.from({ length: 20_000 }, (_, index) => shape(`select a${index}`));
    expect(shapes.every(Number.isSafeInteger)).toBe(true);
    expect(new Set(shapes).size).toBe(shapes.length);
    expect(Math.min(...shapes)).toBeLessThan(2 ** 53 / 1_000);
    expect(Math.max(...shapes)).toBeGreaterThan(2 ** 53 * 0.999);
  });

  test("ends at a zero byte, or where it is said to end", () => {
    const bytes = Buffer.from("Qxselect 1\0junk");
    expect(shapeOf(bytes, 2, bytes.length)).toBe(shape("select 1"));
    expect(shapeOf(Buffer.from("select 1 + a"), 0, 8)).toBe(shape("select 1"));
  });

  test("is found of texts that are cut off anywhere, or are none", () => {
    const text = `select e'a\\'' /* x */, "b""c", $t$ d $t$, 'e''f', 1e-5, (1, 2), (3, null) -- g`;
    for (let end = 0; end <= text.length; end++) {
      expect(Number.isSafeInteger(shape(text.slice(0, end)))).toBe(true);
    }
    const all = Uint8Array.from({ length: 256 }, (_, byte) => 255 - byte);
    expect(Number.isSafeInteger(shapeOf(all, 0, 256))).toBe(true);
  });

  test("of a long and hostile text takes no longer than that", () => {
    for (const piece of ["$a$", "$", "/*", "'", '"', "(1,", "(1),", "e'\\", "1e-", "--"]) {
      const text = Buffer.from(piece.repeat(300_000));
      const startedMs = performance.now();
      shapeOf(text, 0, text.length);
      expect(performance.now() - startedMs).toBeLessThan(1_000);
    }
  });
});
