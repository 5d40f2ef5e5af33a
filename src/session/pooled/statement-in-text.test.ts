import { describe, expect, test } from "bun:test";
import { MAX_READ_CHARACTERS } from "../../postgres/index.ts";
import { namesInText, withNames } from "./statement-in-text.ts";

describe("SQL that names prepared statements", () => {
  test.each<[string, readonly string[]]>([
    ["select 1", []],
    ["execute s1(1, 'a')", ["execute s1"]],
    ["/* who */ EXECUTE S1", ["execute s1"]],
    ['execute "S""1"', ['execute S"1']],
    ["execute größe", ["execute größe"]],
    ["deallocate s1", ["deallocate s1"]],
    ["deallocate prepare s1", ["deallocate s1"]],
    ["deallocate prepare", ["deallocate prepare"]],
    ["deallocate all", []],
    ['deallocate "all"', ["deallocate all"]],
    ["prepare s1 (int) as select $1", ["prepare s1"]],
    ["prepare transaction 'x'", []],
    ["explain (analyze, costs off) execute s1(1)", ["execute s1"]],
    ["create table t as execute s1", ["execute s1"]],
    ["create trigger t before insert on u execute function s1()", []],
    ["execute s1; select 'execute s2'; deallocate s3", ["execute s1", "deallocate s3"]],
    ["execute", []],
  ])("%s", (text, names) => {
    expect(namesInText(text).map(({ verb, name }) => `${verb} ${name}`)).toEqual([...names]);
  });

  test("is not read when it is too long", () => {
    const text = `execute s1; select '${"x".repeat(MAX_READ_CHARACTERS)}'`;
    expect(namesInText(text)).toEqual([]);
    expect(withNames(text, () => "s2")).toBe(text);
  });

  test("gets other names, and is the same around them", () => {
    const text = `EXECUTE "a b" (1); select 'execute c'; explain execute d -- e`;
    const changed = withNames(text, ({ name, verb }) => `<${verb} ${name}>`);
    expect(changed).toBe(
      "EXECUTE <execute a b> (1); select 'execute c'; explain execute <execute d> -- e",
    );
  });
});
