/** docs/compatibility.md names every difference that tests and schemas know of. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { type Command, flagsOf, subcommandsOf } from "../../src/cli/command.ts";
import { commandTree } from "../../src/cli/command-tree.ts";
import {
  globalSchema,
  keySpec,
  type KeySpec,
  pluginsSchema,
} from "../../src/config/schema/index.ts";
import * as differences from "../parity/differences.ts";

const path = join(import.meta.dir, "../../docs/compatibility.md");
const page = (await Bun.file(path).text()).replaceAll(/\s+/g, " ");

/** Cells of the table's row that has the text in one of its cells. */
function rowOf(text: string): readonly string[] | undefined {
  const line = page.split(" | | ").find((row) => row.includes(text));
  return line?.split(" | ").map((cell) => cell.trim());
}

/** All keys, with `*` for names. */
function keysOf(spec: KeySpec, at: string): readonly (readonly [path: string, spec: KeySpec])[] {
  const below = (key: string): string => (at === "" ? key : `${at}.${key}`);
  switch (spec.kind) {
    case "object":
      return [[at, spec], ...[...spec.keys].flatMap(([key, one]) => keysOf(one, below(key)))];
    case "named":
      return [[at, spec], ...keysOf(spec.value, below("*"))];
    default:
      return [[at, spec]];
  }
}

const keys = [...keysOf(keySpec(globalSchema), ""), ...keysOf(keySpec(pluginsSchema), "")];

function commandsWithin(command: Command): readonly Command[] {
  return [command, ...subcommandsOf(command).flatMap(commandsWithin)];
}

test.each(Object.entries(differences))(
  "it tells in which modes clients meet %s, and why",
  (_, { reason, modes }) => {
    const row = rowOf(reason);
    expect(row).toBeDefined();
    const told = row?.[1]?.split(", ") ?? [];
    for (const mode of modes) expect(told).toContain(mode);
  },
);

test("it names every key and flag without effect", () => {
  const without = keys.filter(([, { description }]) => /without effect/.test(description));
  expect(without.length).toBeGreaterThan(1);
  for (const [key] of without) {
    const shown = key === "raft" ? "raft.*" : key;
    expect(page).toContain(`\`${shown}\``);
  }
  const flags = commandsWithin(commandTree).flatMap(flagsOf);
  for (const { name, description } of flags) {
    if (/without effect/.test(description)) expect(page).toContain(`--${name}`);
  }
});
