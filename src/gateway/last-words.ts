/** What a process that crashes leaves in its log. */
import type { Loggers } from "./create-loggers.ts";

/** Of the gateway that runs in this process. */
let current: Loggers | undefined;

/**
 * From now on a crash is logged there, and an end of the process hands on what is left; until it is disposed of.
 */
export function keepLastWords(loggers: Loggers): Disposable {
  current = loggers;
  const flush = (): void => loggers.flushSync();
  process.on("exit", flush);
  return {
    [Symbol.dispose]() {
      current = undefined;
      process.off("exit", flush);
    },
  };
}

/** The process ends because of an error that nothing caught: says so in the log. Never rejects. */
export async function sayLastWords(error: unknown): Promise<void> {
  const loggers = current;
  if (loggers === undefined) return;
  current = undefined;
  const stack = error instanceof Error ? error.stack : undefined;
  loggers.main.fatal("GatewayD has crashed", { error, stack });
  await loggers.close();
}
