import { reportUnexpected, runCommandLine } from "./cli/index.ts";

const endWith = async (error: unknown): Promise<never> =>
  process.exit(await reportUnexpected(error));
process.on("uncaughtException", endWith);
process.on("unhandledRejection", endWith);

process.exit(await runCommandLine(process.argv.slice(2)));
