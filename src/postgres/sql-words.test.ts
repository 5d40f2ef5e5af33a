import { describe, expect, test } from "bun:test";
import { sqlStatements } from "./sql-words.ts";

describe("the words of SQL text", () => {
  test.each<[string, readonly (readonly string[])[]]>([
    ["", []],
    [" ;; ; ", []],
    ["SELECT 1", [["select", "0"]]],
    ["Begin; COMMIT;", [["begin"], ["commit"]]],
    ["select 'a;b', 'it''s; ok'", [["select", "'a;b'", ",", "'it''s; ok'"]]],
    [String.raw`select E'a\';b', 2`, [["select", String.raw`E'a\';b'`, ",", "0"]]],
    ["select U&'d;' , x'ff;'", [["select", "U&'d;'", ",", "x'ff;'"]]],
    ['select "A;""b"', [["select", '"A;""b"']]],
    ["a -- b; c\nd", [["a", "d"]]],
    ["a /* b; /* c */ d; */ e", [["a", "e"]]],
    ["a /* never; closed", [["a"]]],
    ["do $$ begin; end $$; x", [["do", "$$"], ["x"]]],
    ["do $a$ $$ ; $b$ $a$; x", [["do", "$$"], ["x"]]],
    ["select $1, a$1, 1.5e3", [["select", "$", "0", ",", "a$1", ",", "0"]]],
    ["x $never$ closed; y", [["x", "$$"]]],
    ["select 'never; closed", [["select", "'never; closed"]]],
    ["a ''; b '''' 'c';d", [["a", "''"], ["b", "''''", "'c'"], ["d"]]],
    [
      String.raw`a e'\\'; b E'\'''';c`,
      [["a", String.raw`e'\\'`], ["b", String.raw`E'\''''`], ["c"]],
    ],
    [String.raw`a '\';b`, [["a", String.raw`'\'`], ["b"]]],
    [String.raw`a e'\\\';b`, [["a", String.raw`e'\\\';b`]]],
    ["a e'", [["a", "e'"]]],
    ['a U&"b;";c', [["a", 'U&"b;"'], ["c"]]],
    ["a b'1''0';c", [["a", "b'1''0'"], ["c"]]],
    ["select \u00c3\u00a0;b", [["select", "\u00e3\u00a0"], ["b"]]],
  ])("%p", (sql, statements) => {
    expect(sqlStatements(sql)).toEqual(statements);
  });

  test.each([
    ["a string", "'", "x"],
    ["a string of quotes", "'", "''"],
    ["an escape string", "e'", String.raw`\'`],
    ["a quoted identifier", '"', "x"],
    ["a comment", "/*", "x"],
  ])("are told from what is in %s of many megabytes", (_, opening, filling) => {
    const closing = opening === "/*" ? "*/" : opening.slice(-1);
    const sql = `a ${opening}${filling.repeat(4_000_000)}${closing}; b`;
    expect(sqlStatements(sql).map(([first]) => first)).toEqual(["a", "b"]);
  });
});
