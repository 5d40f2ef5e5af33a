import { reportUnexpected, runCommandLine } from "./cli/index.ts";

async function endWith(error: unknown): Promise<never> {
  process.exit(await reportUnexpected(error));
}

process.on("uncaughtException", (error) => void endWith(error));
process.on("unhandledRejection", (reason) => void endWith(reason));

process.exit(await runCommandLine(process.argv.slice(2)));
