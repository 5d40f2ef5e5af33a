import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  isLanguage,
  type Language,
  LANGUAGES,
  projectFiles,
  projectOf,
  type ProjectWishes,
  readInputFile,
  writeProject,
} from "../scaffold/index.ts";
import type { RunnableCommand, TextFlag } from "./command.ts";
import type { ParsedArguments } from "./parsed-arguments.ts";

const inputFileFlag: TextFlag = {
  type: "text",
  name: "input-file",
  short: "i",
  description:
    "What the plugin is to be, as YAML: remote_url, version, license, authors, description",
  defaultText: "input.yaml, where neither name nor URL is given",
  valueKind: "file",
};

const outputDirFlag: TextFlag = {
  type: "text",
  name: "output-dir",
  short: "o",
  description: "Directory that the plugin's own directory is made in",
  defaultText: "./plugins",
  valueKind: "directory",
};

const languageFlag: TextFlag = {
  type: "text",
  name: "language",
  short: "l",
  description: `What the plugin is written in: ${LANGUAGES.join(", ")}`,
  defaultText: "typescript, and go with --input-file",
  valueKind: "text",
};

const nameFlag: TextFlag = {
  type: "text",
  name: "name",
  short: "n",
  description: "Name of the plugin",
  defaultText: "the last part of the remote URL",
  valueKind: "text",
};

const textFlag = (name: string, description: string, defaultText?: string): TextFlag => ({
  type: "text",
  name,
  description,
  valueKind: "text",
  ...(defaultText === undefined ? {} : { defaultText }),
});

const remoteUrlFlag = textFlag(
  "remote-url",
  "Where the plugin will be published: https://github.com/...",
);
const versionFlag = textFlag("plugin-version", "Version of the plugin", "0.1.0");
const licenseFlag = textFlag("license", "Licence of the plugin, as SPDX calls it", "Apache-2.0");
const authorsFlag = textFlag("authors", "Authors of the plugin, with commas between them");
const descriptionFlag = textFlag("description", "What the plugin does, in a sentence");

/** `gatewayd plugin scaffold`. */
export const pluginScaffoldCommand: RunnableCommand = {
  kind: "runnable",
  name: "scaffold",
  summary: "Make the project of a new plugin",
  description: `Makes the project of a new plugin in TypeScript, Go or Python, ready to be built, tested and run; its README
says how.
  gatewayd plugin scaffold --name my-plugin
  gatewayd plugin scaffold --language go --remote-url https://github.com/me/my-plugin

What the plugin is to be can stand in a file; flags count more:
  gatewayd plugin scaffold --input-file input.yaml`,
  flags: [
    inputFileFlag,
    outputDirFlag,
    languageFlag,
    nameFlag,
    remoteUrlFlag,
    versionFlag,
    licenseFlag,
    authorsFlag,
    descriptionFlag,
  ],
  async run({ arguments: given, terminal }) {
    try {
      const project = projectOf(wishesOf(given));
      const directory = join(given.text(outputDirFlag) ?? "./plugins", project.name);
      const paths = writeProject(directory, await projectFiles(project));
      const lines = paths.map((path) => `${path}\n`).join("");
      await terminal.err(`scaffold done\ncreated files:\n${lines}`);
      return 0;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      await terminal.err(`Scaffold failed:  ${reason}\n`);
      return 1;
    }
  },
};

const DEFAULT_INPUT = "input.yaml";

/** A file that is not named is read where no flag says what the plugin is to be. */
function wishesOf(given: ParsedArguments): ProjectWishes {
  const isSaid = given.isGiven(nameFlag) || given.isGiven(remoteUrlFlag);
  const isThere = !isSaid && existsSync(DEFAULT_INPUT);
  const file = given.text(inputFileFlag) ?? (isThere ? DEFAULT_INPUT : undefined);
  const said: ProjectWishes = {
    language: languageIn(given.text(languageFlag)),
    name: given.text(nameFlag),
    remoteUrl: given.text(remoteUrlFlag),
    version: given.text(versionFlag),
    license: given.text(licenseFlag),
    authors: given
      .text(authorsFlag)
      ?.split(",")
      .map((author) => author.trim())
      .filter((author) => author !== ""),
    description: given.text(descriptionFlag),
  };
  const written = file === undefined ? {} : readInputFile(file);
  const defined = Object.entries(said).filter(([, value]) => value !== undefined);
  return { ...written, ...Object.fromEntries(defined) };
}

function languageIn(word: string | undefined): Language | undefined {
  if (word === undefined || isLanguage(word)) return word;
  throw new Error(`the language must be one of ${LANGUAGES.join(", ")}, not "${word}"`);
}
