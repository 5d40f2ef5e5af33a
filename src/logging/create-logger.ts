/** The logger of a group: adds the group and the time, and hands records to its outputs. */
import type { LogOutput } from "./log-output.ts";
import type { LogFields, Logger, LogLevel, RecordLevel } from "./logger.ts";

const RANKS: Readonly<Record<LogLevel, number>> = {
  trace: 0,
  debug: 1,
  info: 2,
  warn: 3,
  error: 4,
  fatal: 5,
  panic: 6,
  disabled: 7,
};

export interface LoggerOptions {
  /** In every record. */
  readonly group: string;
  /** Records below it are dropped. */
  readonly level: LogLevel;
  /** Each gets every record. */
  readonly outputs: readonly LogOutput[];
  /** Milliseconds since 1970; default the system's clock. */
  readonly now?: () => number;
}

/** A logger that can be changed, for itself and for all its children. */
export interface AdjustableLogger extends Logger {
  setLevel(level: LogLevel): void;
  setOutputs(outputs: readonly LogOutput[]): void;
}

export function createLogger(options: LoggerOptions): AdjustableLogger {
  const { group, level, outputs, now = Date.now } = options;
  return new OutputLogger({ outputs, now, minRank: RANKS[level] }, { group });
}

/** What a logger and its children share. */
interface LoggerCore {
  outputs: readonly LogOutput[];
  readonly now: () => number;
  minRank: number;
}

class OutputLogger implements AdjustableLogger {
  readonly #core: LoggerCore;
  readonly #fields: LogFields;

  constructor(core: LoggerCore, fields: LogFields) {
    this.#core = core;
    this.#fields = fields;
  }

  setLevel(level: LogLevel): void {
    this.#core.minRank = RANKS[level];
  }

  setOutputs(outputs: readonly LogOutput[]): void {
    this.#core.outputs = outputs;
  }

  isEnabled(level: RecordLevel): boolean {
    return RANKS[level] >= this.#core.minRank;
  }

  log(level: RecordLevel, message: string, fields?: LogFields): void {
    if (RANKS[level] < this.#core.minRank) return;
    this.#write(level, message, fields);
  }

  insist(level: RecordLevel, message: string, fields?: LogFields): void {
    if (this.#core.minRank < RANKS.disabled) this.#write(level, message, fields);
  }

  trace(message: string, fields?: LogFields): void {
    this.log("trace", message, fields);
  }

  debug(message: string, fields?: LogFields): void {
    this.log("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.log("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.log("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.log("error", message, fields);
  }

  fatal(message: string, fields?: LogFields): void {
    this.log("fatal", message, fields);
  }

  child(fields: LogFields): Logger {
    return new OutputLogger(this.#core, { ...this.#fields, ...fields });
  }

  #write(level: RecordLevel, message: string, fields: LogFields | undefined): void {
    const timeMs = this.#core.now();
    const record = { level, timeMs, message, fields: { ...this.#fields, ...fields } };
    for (const output of this.#core.outputs) output.write(record);
  }
}
