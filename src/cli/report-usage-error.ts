import type { CommandPath } from "./command.ts";
import { usageText } from "./help-text.ts";
import type { Terminal } from "./terminal.ts";

/** Prints what is wrong with the command line and how the command is used; exit code 1. */
export async function reportUsageError(
  terminal: Terminal,
  path: CommandPath,
  message: string,
): Promise<number> {
  await terminal.err(`Error: ${message}\n\n${usageText(path)}`);
  return 1;
}
