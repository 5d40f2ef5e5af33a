/** The words of `--help`, of the usage under an error, and of one line per flag or command. */
import {
  type CommandPath,
  commandAt,
  type Flag,
  flagsOf,
  pathName,
  subcommandsOf,
} from "./command.ts";

/** The help of a command: what it does, then its usage. Ends with a newline. */
export function helpText(path: CommandPath): string {
  const command = commandAt(path);
  return `${command.description ?? command.summary}\n\n${usageText(path)}`;
}

/** How a command is called: usage line, commands below it, flags. Ends with a newline. */
export function usageText(path: CommandPath): string {
  const command = commandAt(path);
  const sections = [`Usage:\n  ${usageLine(path)}\n`];
  const subcommands = subcommandsOf(command).filter((subcommand) => subcommand.isHidden !== true);
  if (subcommands.length > 0) {
    const rows = subcommands.map(({ name, summary }) => [name, summary] as const);
    sections.push(`Available Commands:\n${columns(rows)}`);
  }
  const flags = flagsOf(command).map((flag) => [flagLabel(flag), flagDescription(flag)] as const);
  sections.push(`Flags:\n${columns(flags)}`);
  if (subcommands.length > 0) {
    sections.push(`Use "${pathName(path)} [command] --help" for more about a command.\n`);
  }
  return sections.join("\n");
}

/** `gatewayd run [flags]`. */
export function usageLine(path: CommandPath): string {
  const command = commandAt(path);
  if (command.kind === "group") return `${pathName(path)} [command]`;
  const { operands, operandNames, flags } = command;
  const optional = operands === undefined ? [] : [`[${operands}]`];
  const words = [pathName(path), ...(operandNames ?? optional)];
  return [...words, ...(flags.length > 0 ? ["[flags]"] : [])].join(" ");
}

/** What a flag does, and what holds without it. */
export function flagDescription(flag: Flag): string {
  const shown =
    flag.type === "switch" ? (flag.isOnByDefault ? "true" : undefined) : flag.defaultText;
  return shown === undefined ? flag.description : `${flag.description} (default ${shown})`;
}

/** `-c, --config <file>`; the long name stands in the same column with and without a letter. */
function flagLabel(flag: Flag): string {
  const letter = flag.short === undefined ? "    " : `-${flag.short}, `;
  return `${letter}--${flag.name}${flag.type === "text" ? ` <${flag.valueKind}>` : ""}`;
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([label]) => label.length));
  return rows.map(([label, text]) => `  ${label.padEnd(width)}   ${text}\n`).join("");
}
