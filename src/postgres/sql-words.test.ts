import { describe, expect, test } from "bun:test";
import { hasMoreWords, sqlStatements } from "./sql-words.ts";

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
    ["a -- it's'\nd -- \"\n/*'*/;e", [["a", "d"], ["e"]]],
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
    ["select 'Never''", [["select", "'Never''"]]],
    [String.raw`select E'\\'; a`, [["select", String.raw`E'\\'`], ["a"]]],
    [String.raw`select e'\''';', 1`, [["select", String.raw`e'\''';'`, ",", "0"]]],
    ["select E'a\\", [["select", "E'a\\"]]],
    ['select "Never', [["select", '"Never']]],
    [`select u&"a""b;", U&'', n'x'''`, [["select", 'u&"a""b;"', ",", "U&''", ",", "n'x'''"]]],
    ["select re'x', bb'y'", [["select", "re", "'x'", ",", "bb", "'y'"]]],
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
    ["a comment of comments", "/*", "/**/"],
    ["a dollar quote", "$$", "$"],
  ])("are told from what is in %s of many megabytes", (_, opening, filling) => {
    const closing = { "/*": "*/", $$: " $$" }[opening] ?? opening.slice(-1);
    const sql = `a ${opening}${filling.repeat(4_000_000)}${closing}; b`;
    expect(sqlStatements(sql).map(([first]) => first)).toEqual(["a", "b"]);
  });
});

test("words are counted no further than is asked, and each semicolon is one", () => {
  const sql = `select 'a b c', "d e"; -- no word\n/* none */ select $$f g$$, 12.5`;
  expect(hasMoreWords(sql, 8)).toBe(true);
  expect(hasMoreWords(sql, 9)).toBe(false);
  expect(hasMoreWords("", 0)).toBe(false);
  expect(hasMoreWords(`${"a,".repeat(10)}${"/*".repeat(1_000_000)}`, 19)).toBe(true);
});
