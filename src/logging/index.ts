/**
 * Logging: the interface every folder may use, and the outputs that only gateway/ builds.
 * May import: errors.
 */
export { LOG_LEVELS, silentLogger } from "./logger.ts";
export type { LogFields, Logger, LogLevel, RecordLevel } from "./logger.ts";
