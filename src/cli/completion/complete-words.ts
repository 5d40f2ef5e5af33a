import {
  type Command,
  commandAt,
  type CommandPath,
  extendPath,
  flagsOf,
  flagsWithin,
  subcommandsOf,
  type ValueKind,
} from "../command.ts";

/** Something that may stand where the cursor is. */
export interface Candidate {
  readonly text: string;
  readonly description: string;
}

/** What may stand where the cursor is: some words, or a path that the shell completes itself. */
export type Completion =
  | { readonly kind: "words"; readonly candidates: readonly Candidate[] }
  | { readonly kind: "file" | "directory" };

/** Free arguments that are, or may be, files. */
const FILE_OPERANDS: ReadonlySet<string | undefined> = new Set(["file", "url or archive"]);

/**
 * Completes `current`, the word under the cursor (empty at the start of a new one), after the words
 * `before` it, both without the program's name. Reads what is there leniently: an unfinished line is
 * allowed to be wrong.
 */
export function completeWords(
  root: Command,
  before: readonly string[],
  current: string,
): Completion {
  const { path, areFlagsOver, valueKind } = followWords(root, before);
  if (valueKind !== undefined) return completeValue(valueKind);
  const command = commandAt(path);
  if (!areFlagsOver && current.startsWith("-")) return completeFlag(command, current);
  if (command.kind === "runnable" && FILE_OPERANDS.has(command.operands)) return { kind: "file" };
  const isHelp = command.kind === "runnable" && command.operands === "command";
  const parent = isHelp
    ? followWords(root, before.slice(before.indexOf(command.name) + 1))
    : { path };
  return words(
    current,
    subcommandsOf(commandAt(parent.path))
      .filter((subcommand) => subcommand.isHidden !== true)
      .map(({ name, summary }) => ({ text: name, description: summary })),
  );
}

interface Position {
  readonly path: CommandPath;
  /** After `--`. */
  readonly areFlagsOver: boolean;
  /** What the flag just before the cursor waits for. */
  readonly valueKind: ValueKind | undefined;
}

function followWords(root: Command, before: readonly string[]): Position {
  let path: CommandPath = [root];
  let areFlagsOver = false;
  let valueKind: ValueKind | undefined;
  for (const word of before) {
    const command = commandAt(path);
    if (valueKind !== undefined) {
      valueKind = undefined;
    } else if (word === "--") {
      areFlagsOver = true;
    } else if (!areFlagsOver && word.startsWith("-")) {
      const flag = flagsWithin(command).find(
        ({ name, short }) => word === `--${name}` || (short !== undefined && word === `-${short}`),
      );
      valueKind = flag?.type === "text" ? flag.valueKind : undefined;
    } else {
      const next = subcommandsOf(command).find((subcommand) => subcommand.name === word);
      if (next !== undefined) path = extendPath(path, next);
    }
  }
  return { path, areFlagsOver, valueKind };
}

function completeFlag(command: Command, current: string): Completion {
  const equalsAt = current.indexOf("=");
  if (equalsAt < 0) {
    const candidates = flagsOf(command).map(({ name, description }) => ({
      text: `--${name}`,
      description,
    }));
    return words(current, candidates);
  }
  const flag = flagsOf(command).find(({ name }) => current.slice(0, equalsAt) === `--${name}`);
  if (flag?.type === "text") return completeValue(flag.valueKind);
  const values = flag === undefined ? [] : ["true", "false"];
  return words(
    current,
    values.map((value) => ({ text: `--${flag?.name}=${value}`, description: "" })),
  );
}

function completeValue(valueKind: ValueKind): Completion {
  return valueKind === "file" || valueKind === "directory"
    ? { kind: valueKind }
    : { kind: "words", candidates: [] };
}

function words(current: string, candidates: readonly Candidate[]): Completion {
  return {
    kind: "words",
    candidates: candidates.filter(({ text }) => text.startsWith(current)),
  };
}
