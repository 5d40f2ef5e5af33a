/** Records as lines for people: `2024-03-02T13:24:51+01:00 INF message name=value ...`. */
import { plainValue, valueToJson } from "./field-value.ts";
import { RESERVED_FIELDS } from "./log-output.ts";
import type { LogOutput } from "./log-output.ts";
import type { LogFields, RecordLevel } from "./logger.ts";
import { formatTime } from "./time-format.ts";
import type { TimeLayout } from "./time-format.ts";
import type { TimeZone } from "./time-zone.ts";

/** Parameters of the terminal's sequence for colours and weight. */
const Style = { bold: 1, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36, gray: 90 } as const;

const LABELS: Readonly<Record<RecordLevel, { readonly text: string; readonly style?: number }>> = {
  trace: { text: "TRC", style: Style.blue },
  debug: { text: "DBG" },
  info: { text: "INF", style: Style.green },
  warn: { text: "WRN", style: Style.yellow },
  error: { text: "ERR", style: Style.red },
  fatal: { text: "FTL", style: Style.red },
  panic: { text: "PNC", style: Style.red },
};

export interface ConsoleOutputOptions {
  readonly timeFormat: TimeLayout;
  readonly isColored: boolean;
  readonly zone: TimeZone;
  /** Gets whole lines with their line end, and when they were written. */
  readonly write: (line: string, timeMs: number) => void;
}

export function consoleOutput(options: ConsoleOutputOptions): LogOutput {
  const { timeFormat, zone, write } = options;
  const paint = options.isColored ? painted : plain;
  return {
    write({ level, timeMs, message, fields }) {
      const { text, style } = LABELS[level];
      const isQuiet = level === "trace" || level === "debug";
      const parts = [paint(formatTime(timeFormat, timeMs, zone), Style.gray), paint(text, style)];
      if (message !== "") parts.push(paint(inLine(message), isQuiet ? undefined : Style.bold));
      for (const name of sortedNames(fields)) {
        const value = valueText(fields[name]);
        if (value === undefined) continue;
        const isError = name === "error";
        const shown = isError ? paint(paint(value, Style.bold), Style.red) : value;
        parts.push(`${paint(`${nameText(name)}=`, Style.cyan)}${shown}`);
      }
      write(`${parts.join(" ")}\n`, timeMs);
    },
  };
}

/** By code unit, `error` before all others. */
function sortedNames(fields: LogFields): string[] {
  const names = Object.keys(fields).filter((name) => !RESERVED_FIELDS.has(name));
  names.sort();
  const errorIndex = names.indexOf("error");
  if (errorIndex > 0) names.unshift(...names.splice(errorIndex, 1));
  return names;
}

function valueText(value: unknown): string | undefined {
  const plainly = plainValue(value);
  if (typeof plainly === "string") return quotedIfNeeded(plainly);
  const json = valueToJson(plainly);
  return json === undefined ? undefined : inLine(json);
}

/** Names come from plugins, too: none can be taken for two fields. */
function nameText(name: string): string {
  return name.includes("=") ? quoted(name) : quotedIfNeeded(name);
}

/** Quoted unless it is all visible ASCII without quotes and backslashes, so that lines stay lines. */
function quotedIfNeeded(text: string): string {
  return /^[!#-[\]-~]*$/.test(text) ? text : quoted(text);
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]|(?! )[\p{C}\p{Z}]/gu, escape)}"`;
}

/** As it is, but for what would begin a line or be a command to the terminal. */
function inLine(text: string): string {
  if (/^[ -~]*$/.test(text)) return text;
  return text.replace(/(?![ \t])[\p{C}\p{Z}]/gu, escape);
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '"': '\\"',
  "\\": "\\\\",
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
};

function escape(character: string): string {
  const short = SHORT_ESCAPES[character];
  if (short !== undefined) return short;
  const hex = (character.codePointAt(0) ?? 0).toString(16);
  if (hex.length <= 2 && character < "\u0080") return `\\x${hex.padStart(2, "0")}`;
  return hex.length <= 4 ? `\\u${hex.padStart(4, "0")}` : `\\U${hex.padStart(8, "0")}`;
}

function painted(text: string, style: number | undefined): string {
  return style === undefined ? text : `\u001B[${style}m${text}\u001B[0m`;
}

function plain(text: string): string {
  return text;
}
