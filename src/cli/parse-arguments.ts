/**
 * The strict reading of a command line over the declared tree. Pure: words in, a decision out.
 *
 * Flags may stand before, between and after the command's names (`-c x.yaml run` is
 * `run -c x.yaml`); whether a flag in front takes a value is known because a flag's name and letter
 * mean the same in every command that has it. The last of several values counts, so that a wrapper
 * can append its own. Nothing is guessed and nothing is ignored: whatever is not declared is an
 * error naming it.
 */
import {
  type Command,
  type CommandPath,
  commandAt,
  extendPath,
  type Flag,
  flagsOf,
  flagsWithin,
  helpFlag,
  pathName,
  type RunnableCommand,
  subcommandsOf,
} from "./command.ts";
import { nearestName } from "./nearest-name.ts";
import { ParsedArguments } from "./parsed-arguments.ts";

/** What a command line asks for. `path` is as far as the names could be followed. */
export type ParseResult =
  | {
      readonly kind: "run";
      readonly path: CommandPath;
      readonly command: RunnableCommand;
      readonly arguments: ParsedArguments;
    }
  | { readonly kind: "help"; readonly path: CommandPath }
  | { readonly kind: "error"; readonly path: CommandPath; readonly message: string };

/** Reads `words`, the command line without the program's own name. */
export function parseArguments(root: Command, words: readonly string[]): ParseResult {
  let path: CommandPath = [root];
  const given = new Map<string, GivenFlag>();
  const operands: string[] = [];
  const fail = (message: string): ParseResult => ({ kind: "error", path, message });

  let areFlagsOver = false;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    const command = commandAt(path);
    if (!areFlagsOver && word === "--") {
      areFlagsOver = true;
    } else if (!areFlagsOver && word.length > 1 && word.startsWith("-")) {
      const reading = readFlagWord(word, words[index + 1], command);
      if ("message" in reading) return fail(reading.message);
      for (const flag of reading.flags) given.set(flag.flag.name, flag);
      if (reading.tookNextWord) index++;
    } else if (command.kind === "group") {
      const next = command.subcommands.find((subcommand) => subcommand.name === word);
      if (next === undefined) return fail(unknownCommandMessage(path, word));
      path = extendPath(path, next);
    } else if (command.operands !== undefined) {
      operands.push(word);
    } else {
      return fail(strayArgumentMessage(word, words[index - 1], command));
    }
  }

  const command = commandAt(path);
  const ownFlags = flagsOf(command);
  for (const { written, flag } of given.values()) {
    if (!ownFlags.some((own) => own.name === flag.name)) {
      return fail(`flag ${written} does not belong to "${pathName(path)}"`);
    }
  }
  if (command.kind === "group" || given.get(helpFlag.name)?.value === true) {
    return { kind: "help", path };
  }
  return { kind: "run", path, command, arguments: collect(operands, given) };
}

/** The message for a name that is not a command. */
export function unknownCommandMessage(path: CommandPath, word: string): string {
  const names = subcommandsOf(commandAt(path))
    .filter((command) => command.isHidden !== true)
    .map((command) => command.name);
  return `unknown command "${word}" for "${pathName(path)}"${didYouMean(nearestName(word, names))}`;
}

interface GivenFlag {
  /** As on the command line, without the value: `-c`. */
  readonly written: string;
  readonly flag: Flag;
  readonly value: string | boolean;
}

type FlagReading =
  | { readonly flags: readonly GivenFlag[]; readonly tookNextWord: boolean }
  | { readonly message: string };

function readFlagWord(word: string, nextWord: string | undefined, command: Command): FlagReading {
  const known = flagsWithin(command);
  return word.startsWith("--")
    ? readLongFlag(word, nextWord, known, command)
    : readShortFlags(word, nextWord, known);
}

function readLongFlag(
  word: string,
  nextWord: string | undefined,
  known: readonly Flag[],
  command: Command,
): FlagReading {
  const [name, attached] = splitAtEquals(word.slice(2));
  const flag = known.find((candidate) => candidate.name === name);
  if (flag === undefined) return { message: unknownFlagMessage(`--${name}`, name, known, command) };
  return readFlag(`--${name}`, flag, attached, nextWord, known);
}

/** A cluster of letters; the first that takes a value takes the rest of the word. */
function readShortFlags(
  word: string,
  nextWord: string | undefined,
  known: readonly Flag[],
): FlagReading {
  const [body, attached] = splitAtEquals(word.slice(1));
  // `-config x` would read as `-c onfig`: never what was meant.
  if (body.length > 1 && known.some((flag) => flag.name === body)) {
    return { message: `unknown flag -${body}${didYouMean(`--${body}`)}` };
  }
  const flags: GivenFlag[] = [];
  for (let index = 0; index < body.length; index++) {
    const letter = body[index] ?? "";
    const flag = known.find((candidate) => candidate.short === letter);
    if (flag === undefined) return { message: unknownShortFlagMessage(letter, word, known) };
    const rest = word.slice(index + 2);
    const isLast = index === body.length - 1;
    if (flag.type === "switch" && !isLast) {
      flags.push({ written: `-${letter}`, flag, value: true });
      continue;
    }
    const value = isLast ? attached : rest;
    const reading = readFlag(`-${letter}`, flag, value, nextWord, known);
    if ("message" in reading) return reading;
    return { flags: [...flags, ...reading.flags], tookNextWord: reading.tookNextWord };
  }
  return { message: `unknown flag ${word}` };
}

function readFlag(
  written: string,
  flag: Flag,
  attached: string | undefined,
  nextWord: string | undefined,
  known: readonly Flag[],
): FlagReading {
  if (flag.type === "switch") {
    const value = attached === undefined ? true : SWITCH_VALUES.get(attached);
    if (value === undefined) {
      return { message: `flag ${written}: "${attached}" is neither true nor false` };
    }
    return { flags: [{ written, flag, value }], tookNextWord: false };
  }
  const isNextValue = nextWord !== undefined && !looksLikeFlag(nextWord, known);
  const value = attached ?? (isNextValue ? nextWord : "");
  if (value === "") return { message: `flag ${written} needs a value` };
  if (flag.valueKind === "number" && !/^\d+$/.test(value)) {
    return { message: `flag ${written}: "${value}" is not a whole number` };
  }
  return { flags: [{ written, flag, value }], tookNextWord: attached === undefined };
}

/** The spellings of on and off that the original's flags take. */
const SWITCH_VALUES: ReadonlyMap<string, boolean> = new Map([
  ...["1", "t", "T", "true", "TRUE", "True"].map((text) => [text, true] as const),
  ...["0", "f", "F", "false", "FALSE", "False"].map((text) => [text, false] as const),
]);

/** A declared flag is never taken as a value; `--config=-x` names a file that begins with a dash. */
function looksLikeFlag(word: string, known: readonly Flag[]): boolean {
  if (word === "--") return true;
  if (word.startsWith("--"))
    return known.some((flag) => flag.name === splitAtEquals(word.slice(2))[0]);
  const letter = word.startsWith("-") ? word[1] : undefined;
  return letter !== undefined && known.some((flag) => flag.short === letter);
}

function splitAtEquals(text: string): readonly [string, string | undefined] {
  const at = text.indexOf("=");
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function unknownFlagMessage(
  written: string,
  name: string,
  known: readonly Flag[],
  command: Command,
): string {
  if (subcommandsOf(command).some((subcommand) => subcommand.name === name)) {
    return `unknown flag ${written}${didYouMean(name)}`;
  }
  const negated = known.find((flag) => flag.type === "switch" && `no-${flag.name}` === name);
  if (negated !== undefined) {
    return `unknown flag ${written}${didYouMean(`--${negated.name}=false`)}`;
  }
  const nearest = nearestName(
    name,
    known.map((flag) => flag.name),
  );
  return `unknown flag ${written}${didYouMean(nearest === undefined ? undefined : `--${nearest}`)}`;
}

function unknownShortFlagMessage(letter: string, word: string, known: readonly Flag[]): string {
  const [body] = splitAtEquals(word.slice(1));
  if (body.length === 1) return `unknown flag -${letter}`;
  const nearest = nearestName(
    body,
    known.map((flag) => flag.name),
  );
  return nearest === undefined
    ? `unknown flag -${letter} in ${word}`
    : `unknown flag -${body}${didYouMean(`--${nearest}`)}`;
}

function strayArgumentMessage(
  word: string,
  wordBefore: string | undefined,
  command: RunnableCommand,
): string {
  const switchBefore = command.flags.find(
    (flag) =>
      flag.type === "switch" &&
      (wordBefore === `--${flag.name}` ||
        (flag.short !== undefined && wordBefore === `-${flag.short}`)),
  );
  const meant =
    switchBefore !== undefined && SWITCH_VALUES.has(word) ? `${wordBefore}=${word}` : undefined;
  return `unexpected argument "${word}"${didYouMean(meant)}`;
}

function didYouMean(suggestion: string | undefined): string {
  return suggestion === undefined ? "" : `, did you mean ${suggestion}?`;
}

function collect(
  operands: readonly string[],
  given: ReadonlyMap<string, GivenFlag>,
): ParsedArguments {
  const texts = new Map<string, string>();
  const switches = new Map<string, boolean>();
  for (const [name, { value }] of given) {
    if (typeof value === "string") texts.set(name, value);
    else switches.set(name, value);
  }
  return new ParsedArguments(operands, texts, switches);
}
