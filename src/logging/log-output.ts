/** What a logger hands to its outputs. */
import type { LogFields, RecordLevel } from "./logger.ts";

export interface LogRecord {
  readonly level: RecordLevel;
  /** Milliseconds since 1970. */
  readonly timeMs: number;
  readonly message: string;
  /** With the logger's own fields, `group` first. */
  readonly fields: LogFields;
}

/** A place that records go to, in a form of its own. */
export interface LogOutput {
  /** Must not throw, and must not wait for a slow reader. */
  write(record: LogRecord): void;
}

/** Names that every record has of its own; outputs leave fields of these names out. */
export const RESERVED_FIELDS: ReadonlySet<string> = new Set(["level", "time", "message"]);
