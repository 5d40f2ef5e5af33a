/**
 * Errors that nothing caught, such as the rejection of a promise that nobody waits for, end the program. One of
 * a module inside it must not: it is logged as the module's own.
 */
import type { Logger } from "../../logging/index.ts";

const modules = new Map<object, { readonly files: readonly string[]; readonly logger: Logger }>();

/** Answers for the errors of a module from now on. Returns a function that ends that. */
export function answerForErrors(files: readonly string[], logger: Logger): () => void {
  const key = {};
  modules.set(key, { files, logger });
  return () => modules.delete(key);
}

/** Logs an error that nothing caught if it comes from a module that runs here; answers whether it does. */
export function reportStrayError(error: unknown): boolean {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  for (const { files, logger } of modules.values()) {
    if (!files.some((file) => stack.includes(file))) continue;
    logger.error("An error of the plugin that nothing caught", { error });
    return true;
  }
  return false;
}
