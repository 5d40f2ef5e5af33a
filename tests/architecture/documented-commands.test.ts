/** Every command line of the gateway that a page shows is one. */
import { expect, test } from "bun:test";
import { Glob } from "bun";
import { join } from "node:path";
import { commandTree } from "../../src/cli/command-tree.ts";
import { parseArguments } from "../../src/cli/parse-arguments.ts";

const root = join(import.meta.dir, "../..");

/** Reference pages of the commands are generated; decisions tell of what was. */
const pages = ["README.md", ...new Glob("docs/*.md").scanSync(root)].sort();

/** Words behind the name of the program, wherever a shell would run it. */
function commandLinesOf(page: string): readonly (readonly string[])[] {
  const blocks = [...page.matchAll(/```sh\n(.*?)```/gs)].map(([, text = ""]) => text);
  const inText = [...page.matchAll(/`(gatewayd [^`]+)`/g)].map(([, text = ""]) => text);
  return [...blocks, ...inText]
    .flatMap((text) => text.replaceAll(/#.*$/gm, "").split(/[\n;|]|&&/))
    .map((line) => line.trim().split(/\s+/))
    .map((words) => (words[0] === "sudo" ? words.slice(1) : words))
    .filter(([program]) => program === "gatewayd" || program === "dist/gatewayd")
    .map(([, ...words]) => words);
}

test.each(pages)("%s shows commands and flags that there are", async (page) => {
  const lines = commandLinesOf(await Bun.file(join(root, page)).text());
  if (page === "docs/operations.md") expect(lines.length).toBeGreaterThan(15);
  const faults = lines.flatMap((words) => {
    const result = parseArguments(commandTree, words);
    return result.kind === "error" ? [`gatewayd ${words.join(" ")}: ${result.message}`] : [];
  });
  expect(faults).toEqual([]);
});
