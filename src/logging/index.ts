/**
 * Logging: the interface every folder may use, and the outputs that only gateway/ builds.
 * May import: errors, libc, watch.
 */
export { createLogger } from "./create-logger.ts";
export type { AdjustableLogger, LoggerOptions } from "./create-logger.ts";
export { createOutputs } from "./create-outputs.ts";
export type { OutputEnvironment, Outputs, OutputSettings, SinkSource } from "./create-outputs.ts";
export { jsonOutput } from "./json-output.ts";
export type { JsonTimeFormat } from "./json-output.ts";
export type { LogOutput, LogRecord } from "./log-output.ts";
export type { LogSink, SinkCounts, SinkKind, SinkNotice } from "./log-sink.ts";
export { LogWatch } from "./log-watch.ts";
export type { LogWatchOptions, SlowQuerySettings } from "./log-watch.ts";
export { LogSinks } from "./log-sinks.ts";
export type { SinkReport } from "./log-sinks.ts";
export { LOG_LEVELS, silentLogger } from "./logger.ts";
export type { LogFields, Logger, LogLevel, RecordLevel } from "./logger.ts";
export type { SinkSettings } from "./open-sink.ts";
export type { TimeLayout } from "./time-format.ts";
