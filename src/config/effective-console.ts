import { type ConsoleConfig, consoleSchema, type GlobalConfig } from "./schema/index.ts";

/** Who may log in to the console, and where it is: also where the file says nothing of it. */
export function effectiveConsole({ admin }: Pick<GlobalConfig, "admin">): ConsoleConfig {
  return admin?.console ?? DEFAULT;
}

const DEFAULT: ConsoleConfig = consoleSchema.parse({});
