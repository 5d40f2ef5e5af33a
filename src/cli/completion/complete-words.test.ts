import { expect, test } from "bun:test";
import { commandTree } from "../command-tree.ts";
import { completeWords } from "./complete-words.ts";

/** All that are not hidden, by their names. */
const COMMANDS = [
  "backends",
  "cancel",
  "completion",
  "config",
  "drain",
  "health",
  "help",
  "kill",
  "pause",
  "plugin",
  "policies",
  "pools",
  "reconnect",
  "reload",
  "resume",
  "run",
  "servers",
  "sessions",
  "set-level",
  "settings",
  "statements",
  "status",
  "version",
  "waiters",
];

/** The line up to the cursor, without the program's name; a trailing blank starts a new word. */
function offered(line: string): readonly string[] | string {
  const words = line.split(" ");
  const completion = completeWords(commandTree, words.slice(0, -1), words.at(-1) ?? "");
  return completion.kind === "words"
    ? completion.candidates.map(({ text }) => text)
    : `a ${completion.kind}`;
}

test.each<[string, readonly string[] | string]>([
  ["", COMMANDS],
  ["co", ["completion", "config"]],
  ["config ", ["import", "init", "lint", "schema", "show"]],
  ["help plugin l", ["lint", "list"]],
  ["help ", COMMANDS],
  ["run --se", ["--sentry"]],
  ["run --sentry=", ["--sentry=true", "--sentry=false"]],
  ["run --sentry=f", ["--sentry=false"]],
  ["run --config ", "a file"],
  ["run -c ", "a file"],
  ["run --config=x", "a file"],
  ["-c x.yaml ru", ["run"]],
  ["run -c x.yaml --plug", ["--plugin-config"]],
  ["run --collector-url ", []],
  ["sessions --limit ", []],
  ["run --bogus=", []],
  ["gen-docs -o ", "a directory"],
  ["plugin install ", "a file"],
  ["plugin install -o ", "a directory"],
  ["plugin install --no-p", ["--no-prompt"]],
  ["run ", []],
  ["bogus ", COMMANDS],
])("after %p the shell offers %p", (line, expected) => {
  expect(offered(line)).toEqual(expected);
});

test("each candidate says what it is", () => {
  const completion = completeWords(commandTree, [], "vers");
  expect(completion).toEqual({
    kind: "words",
    candidates: [{ text: "version", description: "Show version information" }],
  });
});
