import type { Command } from "./command.ts";
import { commandTree } from "./command-tree.ts";
import { helpText } from "./help-text.ts";
import { parseArguments } from "./parse-arguments.ts";
import { reportUsageError } from "./report-usage-error.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/** What a command line meets outside; by default this process's streams and environment. */
export interface CommandLineOptions {
  readonly root?: Command;
  readonly terminal?: Terminal;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * Runs one command line (without the program's own name) and resolves with the exit code, when all
 * output has been written. Never rejects: what a command throws becomes one line on stderr, code 1.
 */
export async function runCommandLine(
  words: readonly string[],
  options: CommandLineOptions = {},
): Promise<number> {
  const { root = commandTree, terminal = processTerminal, env = process.env } = options;
  try {
    const parsed = parseArguments(root, words);
    switch (parsed.kind) {
      case "error":
        return await reportUsageError(terminal, parsed.path, parsed.message);
      case "help":
        await terminal.out(helpText(parsed.path));
        return 0;
      case "run": {
        const { command, path, arguments: given } = parsed;
        return await command.run({ arguments: given, path, terminal, env });
      }
    }
  } catch (error) {
    return reportUnexpected(error, terminal);
  }
}

/** Tells an error that nothing else caught, as one line; exit code 1. */
export async function reportUnexpected(
  error: unknown,
  terminal: Terminal = processTerminal,
): Promise<number> {
  const message = error instanceof Error ? error.message : String(error);
  try {
    await terminal.err(`Error: ${message.replaceAll(/\s*\n\s*/g, " ")}\n`);
  } catch {
    // stderr itself is gone: nowhere is left to say it.
  }
  return 1;
}
