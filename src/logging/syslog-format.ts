/** Records as messages for syslog: of its daemon facility, by the name `gatewayd`, at one severity for all. */
import { hostname } from "node:os";
import { formatTime } from "./time-format.ts";
import { localTimeZone } from "./time-zone.ts";

const DAEMON = 3;
const NAME = "gatewayd";

/** As `syslogPriority` names them. */
export const SEVERITIES = {
  emerg: 0,
  alert: 1,
  crit: 2,
  err: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 7,
} as const;

export type Severity = keyof typeof SEVERITIES;

/** From a line with its line end to the bytes of a message. */
export type SyslogFormat = (line: string, timeMs: number) => Uint8Array;

/** RFC 5424, for a server elsewhere; the line is the free-form part. */
export function rfc5424Format(severity: Severity): SyslogFormat {
  // RFC 5424, 6.2.4: visible ASCII, at most 255 characters.
  const host =
    hostname()
      .replaceAll(/[^!-~]/g, "")
      .slice(0, 255) || "-";
  const [head, tail] = [`<${priority(severity)}>1`, `${host} ${NAME} ${process.pid} - -`];
  return (line, timeMs) =>
    Buffer.from(`${head} ${new Date(timeMs).toISOString()} ${tail} ${withoutEnd(line)}`);
}

/** For the daemon of this machine, which knows the machine's name: the form that the C library writes. */
export function localFormat(severity: Severity): SyslogFormat {
  const head = `<${priority(severity)}>`;
  const tag = `${NAME}[${process.pid}]:`;
  return (line, timeMs) =>
    Buffer.from(`${head}${formatTime("Stamp", timeMs, localTimeZone)} ${tag} ${withoutEnd(line)}`);
}

/** RFC 6587, 3.4.1: with its length in front, so that messages on a stream can be told apart. */
export function octetCounted(format: SyslogFormat): SyslogFormat {
  return (line, timeMs) => {
    const message = format(line, timeMs);
    return Buffer.concat([Buffer.from(`${message.length} `), message]);
  };
}

function priority(severity: Severity): number {
  return DAEMON * 8 + SEVERITIES[severity];
}

function withoutEnd(line: string): string {
  return line.endsWith("\n") ? line.slice(0, -1) : line;
}
