import { reportStrayError, reportUnexpected, runCommandLine, sayLastWords } from "./cli/index.ts";

async function endWith(error: unknown): Promise<never> {
  await sayLastWords(error);
  process.exit(await reportUnexpected(error));
}

/** A plugin inside this program answers for its own errors. */
function unexpected(error: unknown): void {
  if (!reportStrayError(error)) void endWith(error);
}

process.on("uncaughtException", unexpected);
process.on("unhandledRejection", unexpected);

process.exit(await runCommandLine(process.argv.slice(2)));
