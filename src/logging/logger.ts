/** What the rest of the gateway knows of logging: an interface, and a logger that says nothing. */

/** From most to least talkative; `disabled` says nothing at all. */
export const LOG_LEVELS = [
  "trace",
  "debug",
  "info",
  "warn",
  "error",
  "fatal",
  "panic",
  "disabled",
] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** A level that a record can have. */
export type RecordLevel = Exclude<LogLevel, "disabled">;

/** Values beside the message; an Error is written as its message. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Writes records. Calls never throw and never block on a slow output. Guard costly fields with
 * {@link Logger.isEnabled}.
 */
export interface Logger {
  isEnabled(level: RecordLevel): boolean;
  log(level: RecordLevel, message: string, fields?: LogFields): void;
  /** As {@link log}, whatever the level is that records must have, unless it is `disabled`. */
  insist(level: RecordLevel, message: string, fields?: LogFields): void;
  trace(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  fatal(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every record. */
  child(fields: LogFields): Logger;
}

/** Drops everything: for groups without a logger, and for tests. */
export const silentLogger: Logger = {
  isEnabled: () => false,
  log: () => {},
  insist: () => {},
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  fatal: () => {},
  child: () => silentLogger,
};
