/** What a command and its flags are: the declared tree that parsing, help, completion and docs read. */
import type { ParsedArguments } from "./parsed-arguments.ts";
import type { Terminal } from "./terminal.ts";

/** What a value is: so it is called in the help, and a shell offers files where one is. A number is whole, and checked. */
export type ValueKind = "file" | "directory" | "text" | "number";

/** A flag with a value: `--config x.yaml`, `--config=x.yaml`, `-c x.yaml`, `-cx.yaml`. */
export interface TextFlag {
  readonly type: "text";
  /** Long name, without dashes. */
  readonly name: string;
  /** One letter, without dash. */
  readonly short?: string;
  readonly description: string;
  /** What holds when the flag is not given, for the help text; the value itself stays undefined. */
  readonly defaultText?: string;
  readonly valueKind: ValueKind;
}

/** A flag that is on or off: `--dev`, `--lint=false`. */
export interface SwitchFlag {
  readonly type: "switch";
  /** Long name, without dashes. */
  readonly name: string;
  /** One letter, without dash. */
  readonly short?: string;
  readonly description: string;
  readonly isOnByDefault: boolean;
}

export type Flag = TextFlag | SwitchFlag;

/** What a command is run with. */
export interface Invocation {
  readonly arguments: ParsedArguments;
  /** From the root of the tree to the command that runs. */
  readonly path: CommandPath;
  readonly terminal: Terminal;
  /** The environment variables of the process. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A node of the command tree. Either it has subcommands, or it runs. */
export type Command = CommandGroup | RunnableCommand;

interface CommandBase {
  readonly name: string;
  /** One line for lists of commands, without a full stop. */
  readonly summary: string;
  /** Paragraphs for the command's own help; the summary when absent. */
  readonly description?: string;
  /** Kept out of help, docs and completion, but works. */
  readonly isHidden?: boolean;
}

/** A command that only holds others; alone it prints its help. */
export interface CommandGroup extends CommandBase {
  readonly kind: "group";
  readonly subcommands: readonly Command[];
}

/** A command that does something. */
export interface RunnableCommand extends CommandBase {
  readonly kind: "runnable";
  readonly flags: readonly Flag[];
  /** What free arguments are, any number of them. Absent: none are accepted. */
  readonly operands?: "command" | "word" | "file" | "url or archive";
  /** What they are called in the usage, where there has to be one of each: `ID`. */
  readonly operandNames?: readonly string[];
  /** Does the work and resolves with the exit code. Anything thrown is printed as one line: 1. */
  readonly run: (invocation: Invocation) => Promise<number>;
}

/** The commands from the root to one of its descendants; the root alone for itself. */
export type CommandPath = readonly [Command, ...Command[]];

/** The last command of a path: the one it leads to. */
export function commandAt(path: CommandPath): Command {
  return path[path.length - 1] ?? path[0];
}

/** A path one step longer. */
export function extendPath(path: CommandPath, command: Command): CommandPath {
  const [root, ...rest] = path;
  return [root, ...rest, command];
}

/** The full name of a command as typed: `gatewayd config init`. */
export function pathName(path: CommandPath): string {
  return path.map((command) => command.name).join(" ");
}

/** The commands directly below; none for one that runs. */
export function subcommandsOf(command: Command): readonly Command[] {
  return command.kind === "group" ? command.subcommands : [];
}

/** The flag that every command has. */
export const helpFlag: SwitchFlag = {
  type: "switch",
  name: "help",
  short: "h",
  description: "Show this help",
  isOnByDefault: false,
};

/** The flags of a command, its own and `--help`. */
export function flagsOf(command: Command): readonly Flag[] {
  return command.kind === "group" ? [helpFlag] : [...command.flags, helpFlag];
}

/** The flags of a command and of everything below it: those that may stand before a name. */
export function flagsWithin(command: Command): readonly Flag[] {
  return [...flagsOf(command), ...subcommandsOf(command).flatMap(flagsWithin)];
}

/** All paths of the tree, parents before children, in declared order; without the hidden ones. */
export function visiblePaths(path: CommandPath): readonly CommandPath[] {
  const below = subcommandsOf(commandAt(path)).filter((command) => command.isHidden !== true);
  return [path, ...below.flatMap((command) => visiblePaths(extendPath(path, command)))];
}
