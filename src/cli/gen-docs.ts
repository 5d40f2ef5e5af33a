import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunnableCommand, TextFlag } from "./command.ts";
import { commandDocs } from "./command-docs.ts";

const outputDirFlag: TextFlag = {
  type: "text",
  name: "output-dir",
  short: "o",
  description: "Directory whose cli/ is written",
  defaultText: "./docs",
  valueKind: "directory",
};

/** `gatewayd gen-docs`: the command reference, as Markdown. */
export const genDocsCommand: RunnableCommand = {
  kind: "runnable",
  name: "gen-docs",
  summary: "Write the command reference as Markdown",
  isHidden: true,
  flags: [outputDirFlag],
  async run({ arguments: given, path: [root], terminal }) {
    const directory = join(given.text(outputDirFlag) ?? "docs", "cli");
    mkdirSync(directory, { recursive: true });
    const docs = commandDocs(root);
    for (const [fileName, content] of docs) writeFileSync(join(directory, fileName), content);
    await terminal.err(`${docs.size} files written to ${directory}\n`);
    return 0;
  },
};
