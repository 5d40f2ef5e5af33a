/** The action `log`: a line in the gateway's log, in a plugin's words. */
import { LOG_LEVELS } from "../../logging/index.ts";
import type { Logger, RecordLevel } from "../../logging/index.ts";

/** Keys of the metadata that are no fields of the line. */
const OWN_KEYS: ReadonlySet<string> = new Set(["log", "level", "message"]);

/** Writes `message` at `level`, with all other metadata as fields. An unknown level is `info`. */
export function runLogAction(metadata: Readonly<Record<string, unknown>>, logger: Logger): void {
  const level = levelOf(metadata["level"]);
  if (!logger.isEnabled(level)) return;
  const fields = Object.entries(metadata).filter(([key]) => !OWN_KEYS.has(key));
  const { message } = metadata;
  logger.log(level, typeof message === "string" ? message : "", Object.fromEntries(fields));
}

function levelOf(value: unknown): RecordLevel {
  const level = LOG_LEVELS.find((known) => known === value);
  return level === undefined || level === "disabled" ? "info" : level;
}
