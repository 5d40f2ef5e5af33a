import { describe, expect, test } from "bun:test";
import { Settings, restoreStatements, setStatements, settingsQuery } from "./settings.ts";

const of = (values: Record<string, string>): Settings => new Settings(Object.entries(values));

describe("settings", () => {
  test("are equal whatever the order they were made in", () => {
    expect(of({ a: "1", b: "2" }).equals(of({ b: "2", a: "1" }))).toBe(true);
    expect(of({ a: "1" }).equals(of({ a: "2" }))).toBe(false);
    expect(of({}).equals(Settings.NONE)).toBe(true);
  });

  test("are never changed, but made anew", () => {
    const first = of({ a: "1", b: "2" });
    expect(first.with([["a", "3"]]).equals(of({ a: "3", b: "2" }))).toBe(true);
    expect(first.equals(of({ a: "1", b: "2" }))).toBe(true);
  });
});

describe("the statements that restore settings", () => {
  const set = (name: string, value: string): string =>
    `pg_catalog.set_config('${name}', '${value}', false)`;

  test.each<[string, Record<string, string>, Record<string, string>, string | undefined]>([
    ["nothing", {}, {}, undefined],
    ["the same", { a: "1" }, { a: "1" }, undefined],
    ["a new one", {}, { a: "1" }, `SELECT ${set("a", "1")}`],
    ["several", {}, { a: "1", b: "2" }, `SELECT ${set("a", "1")}, ${set("b", "2")}`],
    ["one that is gone", { a: "1", b: "2" }, { b: "2" }, 'RESET "a"'],
    ["a name in two parts", { 'a."b': "1" }, {}, 'RESET "a"."""b"'],
    ["quotes", {}, { a: "it's" }, `SELECT ${set("a", "it''s")}`],
    ["a role", {}, { role: "r" }, `SELECT ${set("role", "r")}`],
    ["a role that is left", { role: "r" }, {}, "RESET ROLE"],
    ["another role", { role: "r" }, { role: "s" }, `RESET ROLE; SELECT ${set("role", "s")}`],
    ["a setting with no role", { role: "r" }, { a: "1" }, `RESET ROLE; SELECT ${set("a", "1")}`],
    [
      "a setting within a role",
      { role: "r" },
      { role: "r", a: "1" },
      `RESET ROLE; SELECT ${set("a", "1")}; SELECT ${set("role", "r")}`,
    ],
    [
      "a reset within a role",
      { role: "r", a: "1" },
      { role: "r" },
      `RESET ROLE; RESET "a"; SELECT ${set("role", "r")}`,
    ],
  ])("%s", (_, from, to, statements) => {
    expect(restoreStatements(of(from), of(to))).toBe(statements);
  });

  test("a backslash, whatever standard_conforming_strings says", () => {
    expect(restoreStatements(Settings.NONE, of({ a: String.raw`x\y` }))).toBe(
      String.raw`SELECT pg_catalog.set_config('a', E'x\\y', false)`,
    );
  });
});

test.each([
  ["DateStyle", "German, DMY", `SET "DateStyle" TO 'German, DMY'`],
  ["my.id", "it's", `SET "my"."id" TO 'it''s'`],
  ["search_path", `"$user", public`, `SET "search_path" TO '$user', 'public'`],
  ["search_path", `a, "B c", "d""e", "f,g"`, `SET "search_path" TO 'a', 'B c', 'd"e', 'f,g'`],
  ["search_path", `""`, `SET "search_path" TO ''`],
  ["temp_tablespaces", "", `SET "temp_tablespaces" TO ''`],
])("the statement within a transaction sets %s to %s", (name, value, statement) => {
  expect(setStatements([[name, value]])).toBe(statement);
});

test("the query for settings asks for custom ones by name", () => {
  expect(settingsQuery(["a.b", "it's.c"])).toContain("ARRAY['a.b', 'it''s.c']");
  expect(settingsQuery([])).not.toContain("ARRAY");
});
