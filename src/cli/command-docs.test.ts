import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";
import { commandDocs } from "./command-docs.ts";
import { commandTree } from "./command-tree.ts";

const docsDirectory = join(import.meta.dir, "../../docs/cli");

test("docs/cli holds exactly the reference of the commands (gen-docs writes it)", () => {
  const onDisk = readdirSync(docsDirectory).map(
    (name) => [name, readFileSync(join(docsDirectory, name), "utf8")] as const,
  );
  expect(new Map(onDisk)).toEqual(new Map(commandDocs(commandTree)));
});

test("hidden commands are not in the reference", () => {
  const text = [...commandDocs(commandTree).values()].join("");
  expect(text).not.toContain("gen-docs");
  expect(text).not.toContain("__complete");
});
