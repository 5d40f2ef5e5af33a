import { expect, test } from "bun:test";
import { nodeAt, placeOf } from "./config-tree.ts";
import { parseYaml } from "./parse-yaml.ts";

function problems(text: string): string[] {
  return parseYaml(text, "f.yaml").issues.map(
    ({ line, column, message }) => `${line}:${column} ${message}`,
  );
}

test("every key and value knows its line and column", () => {
  const { root } = parseYaml("a:\n  b: 1\n  c: [x,\n    y]\n", "f.yaml");
  expect(placeOf(root, ["a", "b"], "key")).toMatchObject({ line: 2, column: 3 });
  expect(placeOf(root, ["a", "b"])).toMatchObject({ file: "f.yaml", line: 2, column: 6 });
  expect(placeOf(root, ["a", "c", 1])).toMatchObject({ line: 4, column: 5 });
  expect(placeOf(root, ["a", "missing"])).toMatchObject({ line: 1, column: 1 });
});

test("values keep what was written beside what YAML makes of it", () => {
  const { root } = parseYaml('mode: 0777\nword: True\nquoted: "0777"\nnothing:\n', "f.yaml");
  expect(nodeAt(root, ["mode"])).toMatchObject({ text: "0777", value: 777 });
  expect(nodeAt(root, ["word"])).toMatchObject({ text: "True", value: true });
  expect(nodeAt(root, ["quoted"])).toMatchObject({ text: "0777", value: "0777" });
  expect(nodeAt(root, ["nothing"])).toMatchObject({ value: null });
});

test("keys given twice are errors and do not hide other errors", () => {
  expect(problems("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n")).toEqual([
    '4:3 the key "c" is given twice',
    '5:1 the key "a" is given twice',
  ]);
  expect(parseYaml("a: 1\na: 2\n", "f.yaml").isComplete).toBe(true);
});

test("anchors, aliases and merge keys are followed, own keys winning", () => {
  const { root, issues } = parseYaml(
    "base: &base {a: 1, b: 2}\nx:\n  <<: *base\n  b: 3\ny: *base\n",
    "f.yaml",
  );
  expect(issues).toEqual([]);
  expect(nodeAt(root, ["x", "a"])).toMatchObject({ text: "1" });
  expect(nodeAt(root, ["x", "b"])).toMatchObject({ text: "3" });
  expect(nodeAt(root, ["y", "b"])).toMatchObject({ text: "2" });
});

test.each([
  ["a: [1", /2:1|1:/],
  ["a: *nowhere", /1:4 \*nowhere has no anchor before it/],
  ["a: *b\nb: &b 1\n", /1:4 \*b has no anchor before it/],
  ["a: &a\n  b: *a\n", /2:6 \*a refers to itself/],
  ["a: !secret x", /1:4 /],
  ["a: 1\n---\nb: 2\n", /the file holds more than one document/],
  ["__proto__: 1", /1:1 not a possible key/],
  ["\ta: 1", /1:1 /],
])("%p is an error with its place", (text, expected) => {
  expect(problems(text).join("\n")).toMatch(expected);
});

test("aliases that multiply do not fill the memory", () => {
  const levels = Array.from({ length: 12 }, (_, level) => {
    const items = Array.from({ length: 10 }, () => (level === 0 ? "x" : `*a${level - 1}`));
    return `a${level}: &a${level} [${items.join(", ")}]`;
  });
  expect(problems(levels.join("\n")).join("\n")).toContain("the file is too large");
});
