/** `loggers.<group>`: what is logged, how and where to. */
import * as z from "zod";
import { newKeys } from "./key-info.ts";
import { boolean, choice, duration, integer, number, text } from "./scalars.ts";

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

const OUTPUT = choice(["console", "stdout", "stderr", "file", "syslog", "rsyslog"]);

export const loggerSchema = z.strictObject({
  output: z
    .array(OUTPUT)
    .prefault(["console"])
    .describe(
      "Where records go; several may be given. `console` writes coloured lines to stderr, the others JSON: `stdout` and `stderr`, `file` to a file that is rotated, `syslog` to the daemon of this machine, `rsyslog` to a log server.",
    ),
  level: choice(LEVELS).prefault("info").describe("Records below this level are dropped."),
  noColor: boolean().prefault(false).describe("Leaves the colours out of console lines."),
  timeFormat: choice(["unix", "unixms", "unixmicro", "unixnano", ""])
    .prefault("unix")
    .describe("How JSON records write the time; empty means `unix`."),
  consoleTimeFormat: choice(CONSOLE_TIME_FORMATS)
    .prefault("RFC3339")
    .describe("How console lines write the time."),
  fileName: text()
    .prefault("gatewayd.log")
    .describe("File of the output `file`. SIGUSR1 opens it anew, after something has moved it."),
  maxSize: integer()
    .prefault(500)
    .describe("Megabytes after which the file is rotated; 0 means 100, as in GatewayD."),
  maxBackups: integer()
    .prefault(5)
    .describe(
      "Rotated files to keep; 0 keeps any number. If this and `maxAge` are 0, none is deleted.",
    ),
  maxAge: integer().prefault(30).describe("Days to keep rotated files; 0 keeps them for ever."),
  compress: boolean().prefault(true).describe("Compresses rotated files with gzip."),
  localTime: boolean().prefault(false).describe("Names rotated files by local time, not UTC."),
  rsyslogNetwork: choice(["tcp", "udp", "unix"])
    .prefault("tcp")
    .describe("Network of the output `rsyslog`."),
  rsyslogAddress: text()
    .prefault("localhost:514")
    .describe(
      "Address of the output `rsyslog`: `host:port`, or the path of a Unix stream socket. Messages follow RFC 5424, with their length in front on `tcp` and `unix`.",
    ),
  syslogPriority: choice(["debug", "info", "notice", "warning", "err", "crit", "alert", "emerg"])
    .prefault("info")
    .describe("Priority of records sent to `syslog` and `rsyslog`; the facility is `daemon`."),
  ...newKeys({
    syslogSocket: text()
      .prefault("")
      .describe("Socket of the output `syslog`; empty for that of the system, `/dev/log`."),
    slowQueryThreshold: duration()
      .prefault("0s")
      .describe(
        "Queries that take as long or longer are logged, without the values in them; 0s logs none. Waiting for a server connection counts.",
      ),
    slowQuerySampling: number({ max: 1 })
      .prefault(1)
      .describe("Share of the slow queries that is logged: 1 all, 0.1 one in ten."),
  }),
});
