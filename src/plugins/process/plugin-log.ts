/** What a plugin writes to its standard error, as records of our log. */
import type { LogFields, Logger, RecordLevel } from "../../logging/index.ts";
import { MAX_LINE_BYTES } from "./line-reader.ts";

/** What hclog writes about a record itself; everything else in a line are its key/values. */
const LEVEL = "@level";
const MESSAGE = "@message";
const TIMESTAMP = "@timestamp";

/** Fields by which our records say whose they are, and what outputs write by themselves. */
const OURS: ReadonlySet<string> = new Set(["plugin", "group", "level", "time", "message"]);

/** Not an object: a line may say `constructor`. */
const LEVELS: ReadonlyMap<unknown, RecordLevel> = new Map<unknown, RecordLevel>([
  ["trace", "trace"],
  ["debug", "debug"],
  ["info", "info"],
  ["warn", "warn"],
  ["error", "error"],
]);

const PREFIXED = /^\[(TRACE|DEBUG|INFO|WARN|ERROR)\]\s*/;

/** The Go runtime says that the program is about to die, and then where it was. */
const PANIC = /^(panic: |fatal error: )/;

/** How many of the last lines may tell why a plugin ended, and how much of each. */
const LAST_LINES = 5;
const LAST_LINE_CHARACTERS = 200;

export class PluginLog {
  readonly #logger: Logger;
  #isPanicking = false;
  /** What it wrote last: the panic if it was one, else some lines. */
  #lastLines: string[] = [];

  /** The logger's fields are to name the plugin. */
  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** What may tell why the plugin ended; "" when it said nothing. */
  get lastWords(): string {
    return this.#lastLines.join(" ");
  }

  /**
   * Logs one line of its standard error. JSON as hclog writes it keeps its level and fields; any other line is told
   * at the level of its prefix (`[WARN]`), at error from a panic on, else at debug.
   */
  readonly stderr = (line: string, byteLength: number): void => {
    if (line === "") return;
    const record = byteLength <= MAX_LINE_BYTES ? parseRecord(line) : undefined;
    if (record !== undefined) {
      if (record.level === "error") this.#remember(record.message);
      this.#logger.log(record.level, record.message, record.fields);
      return;
    }
    // Others may follow, when its own end fails: the first one is the reason.
    if (!this.#isPanicking && PANIC.test(line)) {
      this.#lastLines = [];
      this.#remember(line);
      this.#isPanicking = true;
    }
    this.#remember(line);
    const prefix = PREFIXED.exec(line);
    const level = LEVELS.get(prefix?.[1]?.toLowerCase()) ?? (this.#isPanicking ? "error" : "debug");
    this.#raw(level, prefix === null ? line : line.slice(prefix[0].length), byteLength);
  };

  /** Logs one line of its standard output, at debug: what it has to say belongs on the other one. */
  readonly stdout = (line: string, byteLength: number): void => {
    if (line !== "") this.#raw("debug", line, byteLength);
  };

  /** What follows a panic is its stack. */
  #remember(line: string): void {
    if (this.#isPanicking) return;
    this.#lastLines.push(line.slice(0, LAST_LINE_CHARACTERS).trim());
    if (this.#lastLines.length > LAST_LINES) this.#lastLines.shift();
  }

  #raw(level: RecordLevel, text: string, byteLength: number): void {
    this.#logger.log(level, text, byteLength > MAX_LINE_BYTES ? { cutFromBytes: byteLength } : {});
  }
}

interface LogRecord {
  readonly level: RecordLevel;
  readonly message: string;
  readonly fields: LogFields;
}

function parseRecord(line: string): LogRecord | undefined {
  if (!line.startsWith("{")) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return undefined; // Text that happens to begin like JSON.
  }
  if (typeof parsed !== "object" || parsed === null || !(MESSAGE in parsed)) return undefined;
  const fields: Record<string, unknown> = {};
  let level: RecordLevel = "debug";
  let message = "";
  for (const [key, value] of Object.entries(parsed)) {
    if (key === LEVEL) level = LEVELS.get(value) ?? "debug";
    else if (key === MESSAGE) message = typeof value === "string" ? value : JSON.stringify(value);
    else if (key === TIMESTAMP) fields["timestamp"] = value;
    else fields[fieldName(key)] = value;
  }
  return { level, message, fields };
}

/** hclog has an `@` before the fields that it adds by itself: @module and @caller. */
function fieldName(key: string): string {
  const name = key.replace(/^@/, "");
  return OURS.has(name) ? `plugin_${name}` : name;
}
