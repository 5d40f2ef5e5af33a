import { afterEach, beforeEach, expect, test } from "bun:test";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import { answerForErrors, reportStrayError } from "./stray-errors.ts";

let ends: (() => void)[];
let loggers: Record<"a" | "b" | "common", MemoryLogger>;

beforeEach(() => {
  loggers = { a: new MemoryLogger(), b: new MemoryLogger(), common: new MemoryLogger() };
  ends = [];
});

afterEach(() => ends.forEach((end) => end()));

function run(name: "a" | "b", path = `/plugins/${name}.ts`): void {
  const owner = { name, path, logger: loggers[name], commonLogger: loggers.common };
  ends.push(answerForErrors(owner));
}

/** Who has logged something. */
function told(): readonly string[] {
  return Object.entries(loggers).flatMap(([name, { records }]) => records.map(() => name));
}

function errorFrom(...places: readonly string[]): Error {
  const error = new Error("stray");
  error.stack = ["Error: stray", ...places.map((place) => `    at ${place}`)].join("\n");
  return error;
}

test.each([
  ["its file", ["f (/plugins/b.ts:1:2)"], ["b"]],
  ["its file, behind those of Bun", ["emit (node:events:98:22)", "async /plugins/b.ts:1:2"], ["b"]],
  ["its file, behind this program's", ["f (src/sdk/x.ts:1:2)", "g (/plugins/b.ts:1:2)"], ["b"]],
  ["a package beside it", ["f (/plugins/node_modules/x/index.js:1:2)"], ["common"]],
  ["a package elsewhere", ["f (/elsewhere/node_modules/x/index.js:1:2)"], ["common"]],
])("an error is the module's by %s", (_, places, expected) => {
  run("a");
  run("b");
  expect(reportStrayError(errorFrom(...places))).toBe(true);
  expect(told()).toEqual(expected);
});

test("what may be of several is logged with their names", () => {
  run("a", "/one/a.ts");
  run("b", "/other/b.ts");
  expect(reportStrayError(errorFrom("f (/other/node_modules/x/index.js:1:2)"))).toBe(true);
  expect(told()).toEqual(["b"]);
  expect(reportStrayError("text")).toBe(true);
  expect(loggers.common.records).toMatchObject([
    { level: "error", fields: { error: "text", plugins: ["a", "b"] } },
  ]);
});

test.each([
  ["a text", "text"],
  ["nothing", undefined],
  ["an error without a stack", Object.assign(new Error("native"), { stack: undefined })],
  ["an error of Bun's own", errorFrom()],
])("%s is the only module's, and the program's when there is none", (_, error) => {
  expect(reportStrayError(error)).toBe(false);
  run("a");
  expect(reportStrayError(error)).toBe(true);
  expect(told()).toEqual(["a"]);
});

test("an error of this program alone is no module's", () => {
  run("a", `${import.meta.dir}/a.ts`);
  expect(reportStrayError(new Error("the gateway's own"))).toBe(false);
  expect(told()).toEqual([]);
});
