/** `loggers.<group>`: what is logged, how and where to. */
import * as z from "zod";
import { newKeys } from "./key-info.ts";
import { boolean, choice, integer, later, text } from "./scalars.ts";

const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "panic", "disabled"] as const;

const CONSOLE_TIME_FORMATS = [
  "Layout",
  "ANSIC",
  "UnixDate",
  "RubyDate",
  "RFC822",
  "RFC822Z",
  "RFC850",
  "RFC1123",
  "RFC1123Z",
  "RFC3339",
  "RFC3339Nano",
  "Kitchen",
  "Stamp",
  "StampMilli",
  "StampMicro",
  "StampNano",
] as const;

const OUTPUT = choice(["console", "stdout", "stderr"], { later: ["file", "syslog", "rsyslog"] });

export const loggerSchema = z.strictObject({
  output: z
    .array(OUTPUT)
    .prefault(["console"])
    .describe(
      "Where records go; several may be given. `console` writes coloured lines to stderr, `stdout` and `stderr` write JSON.",
    ),
  level: choice(LEVELS).prefault("info").describe("Records below this level are dropped."),
  noColor: boolean().prefault(false).describe("Leaves the colours out of console lines."),
  timeFormat: choice(["unix", "unixms", "unixmicro", "unixnano", ""])
    .prefault("unix")
    .describe("How JSON records write the time; empty means `unix`."),
  consoleTimeFormat: choice(CONSOLE_TIME_FORMATS)
    .prefault("RFC3339")
    .describe("How console lines write the time."),
  fileName: text().prefault("gatewayd.log").describe("File of the output `file`."),
  maxSize: integer().prefault(500).describe("Megabytes after which the file is rotated."),
  maxBackups: integer()
    .prefault(5)
    .describe("Rotated files to keep. If this and `maxAge` are 0, none is deleted."),
  maxAge: integer().prefault(30).describe("Days to keep rotated files."),
  compress: boolean().prefault(true).describe("Compresses rotated files with gzip."),
  localTime: boolean().prefault(false).describe("Names rotated files by local time, not UTC."),
  rsyslogNetwork: choice(["tcp", "udp", "unix"])
    .prefault("tcp")
    .describe("Network of the output `rsyslog`."),
  rsyslogAddress: text().prefault("localhost:514").describe("Address of the output `rsyslog`."),
  syslogPriority: choice(["debug", "info", "notice", "warning", "err", "crit", "alert", "emerg"])
    .prefault("info")
    .describe("Priority of records sent to `syslog` and `rsyslog`."),
  ...newKeys({
    slowQueryThreshold: later().describe("Logs queries slower than this."),
    slowQuerySampling: later().describe("Share of the slow queries that is logged."),
  }),
});
