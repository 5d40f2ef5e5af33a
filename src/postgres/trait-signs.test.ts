import { expect, test } from "bun:test";
import fc from "fast-check";
import { statementTraits } from "./statement-traits.ts";
import { mayHaveTraits } from "./trait-signs.ts";

/** Whether the bytes of a text show signs, with other letters around it that do not count. */
function hasSigns(sql: string): boolean {
  const bytes = Buffer.from(`set${sql}\0set`, "latin1");
  return mayHaveTraits(bytes, 3, bytes.length - 4);
}

test.each([
  "SELECT abalance FROM pgbench_accounts WHERE aid = 1;",
  "select * from settings where value = 1 and maximum > 2",
  "insert into v (index, context) values (1, 'xml')",
  "update t set a = 1\nwhere b = 2; /* why */ select 1",
  "-- set\n",
  "",
  " ",
])("there are no signs of traits in %j", (sql) => {
  expect(hasSigns(sql)).toBe(false);
});

const WORDS = [
  ..."set reset discard listen unlisten declare close prepare execute deallocate begin start".split(
    " ",
  ),
  ..."load do explain analyze select temp temporary create into all with hold a x = to , ( )".split(
    " ",
  ),
  ..."transaction session local work role names time zone set_config( lastval( currval(".split(" "),
  ..."pg_temp. pg_advisory_lock( pg_try_advisory_lock_shared( pg_advisory_unlock_all( 'x'".split(
    " ",
  ),
];
const GAPS = [
  "",
  " ",
  "\n",
  "\t",
  "\r\n",
  "\f",
  "\v",
  "\xa0",
  ";",
  "; ",
  "/* x */",
  "-- x\n",
  "(",
  ".",
];

test("a text that has traits shows signs of them", () => {
  const word = fc.constantFrom(...WORDS).chain((text) =>
    fc.constantFrom(
      text,
      text.toUpperCase(),
      text.replace(/^./, (first) => first.toUpperCase()),
    ),
  );
  const piece = fc.tuple(fc.constantFrom(...GAPS), word);
  let withTraits = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.constantFrom(...GAPS), (pieces, end) => {
      const sql = pieces.flat().join("") + end;
      if (statementTraits(sql).flags === 0) return;
      withTraits++;
      expect(hasSigns(sql)).toBe(true);
    }),
    { numRuns: 20_000 },
  );
  expect(withTraits).toBeGreaterThan(2_000);
});

test("millions of lines with nothing on them are stepped over once", () => {
  const lines = "\n".repeat(4_000_000);
  expect(hasSigns(`select 1${lines}`)).toBe(false);
  expect(hasSigns(`select 1;${lines}${lines} set x = 1`)).toBe(true);
});
