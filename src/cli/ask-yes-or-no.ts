import { createInterface } from "node:readline";
import type { Terminal } from "./terminal.ts";

/**
 * Asks on stderr, and reads a line of stdin: `y` and `yes` are yes, everything else is no, and so is the end.
 * @throws the signal's reason when it is aborted
 */
export async function askYesOrNo(
  question: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  await terminal.err(`${question} [y/N] `);
  const lines = createInterface({ input: process.stdin });
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      lines.once("close", () => resolve(""));
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      if (signal.aborted) reject(signal.reason);
    });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    lines.close();
    process.stdin.unref();
  }
}
