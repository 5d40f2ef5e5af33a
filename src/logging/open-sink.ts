/** From settings to a sink. */
import { existsSync, fstatSync } from "node:fs";
import { resolve } from "node:path";
import { openUnixDatagram } from "../libc/index.ts";
import { DatagramSink } from "./datagram-sink.ts";
import { FdWriter, nonBlockingFd } from "./fd-writer.ts";
import { FileSink } from "./file-sink.ts";
import type { FileTerms } from "./file-sink.ts";
import type { LogSink, SinkKind, SinkNotice } from "./log-sink.ts";
import type { RotationSettings } from "./rotated-files.ts";
import { StreamSink } from "./stream-sink.ts";
import type { StreamPlace } from "./stream-sink.ts";
import { localFormat, octetCounted, rfc5424Format } from "./syslog-format.ts";
import type { Severity } from "./syslog-format.ts";
import { openUdpSocket } from "./udp-socket.ts";

/** Named as the keys of `loggers.<group>`. */
export interface SinkSettings extends RotationSettings {
  readonly fileName: string;
  /** Megabytes; 0 means 100. */
  readonly maxSize: number;
  readonly rsyslogNetwork: "tcp" | "udp" | "unix";
  /** What `rsyslogAddress` stands for. */
  readonly rsyslogPlace: StreamPlace;
  readonly syslogPriority: Severity;
  /** Empty for the place where the system has it. */
  readonly syslogSocket: string;
}

const MEGABYTE = 1024 * 1024;
const DEFAULT_MEGABYTES = 100;

/** Where systems have the socket of their syslog daemon. */
const SYSLOG_SOCKETS = ["/dev/log", "/var/run/syslog", "/var/run/log"] as const;

/** What is the same for sinks that are the same place. */
export function sinkKey(kind: SinkKind, settings: SinkSettings): string {
  return [
    kind,
    targetOf(kind, settings),
    ...(isNetwork(kind) ? [settings.syslogPriority] : []),
  ].join(" ");
}

export function openSink(
  kind: SinkKind,
  settings: SinkSettings,
  tell: (notice: SinkNotice) => void,
): LogSink {
  const target = targetOf(kind, settings);
  switch (kind) {
    case "stdout":
      return openStream(kind, 1, settings, tell);
    case "stderr":
      return openStream(kind, 2, settings, tell);
    case "file":
      return new FileSink({ path: target, ...fileTerms(settings), tell });
    case "syslog":
      return new DatagramSink({
        kind,
        target,
        format: localFormat(settings.syslogPriority),
        open: () => openUnixDatagram(settings.syslogSocket || systemSocket()),
        tell,
      });
    case "rsyslog":
      return openRsyslog(target, settings, tell);
  }
}

/** A file may be on a disk that is slow or away: it is written to by another thread. */
function openStream(
  kind: "stdout" | "stderr",
  fd: number,
  rotation: SinkSettings,
  tell: (notice: SinkNotice) => void,
): LogSink {
  if (!isRegularFile(fd)) return new FdWriter(kind, nonBlockingFd(fd), { tell });
  return new FileSink({ path: "", stream: { kind, fd }, maxBytes: Infinity, rotation, tell });
}

function isRegularFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false; // Closed: whatever is written will fail.
  }
}

/** For a sink that is open already, at the same place: what of it can be different. */
export function adjustSink(sink: LogSink, settings: SinkSettings): void {
  if (sink.kind === "file" && sink instanceof FileSink) sink.adjust(fileTerms(settings));
}

function fileTerms(settings: SinkSettings): FileTerms {
  return { maxBytes: (settings.maxSize || DEFAULT_MEGABYTES) * MEGABYTE, rotation: settings };
}

function openRsyslog(
  target: string,
  { rsyslogNetwork, rsyslogPlace: place, syslogPriority }: SinkSettings,
  tell: (notice: SinkNotice) => void,
): LogSink {
  const format = rfc5424Format(syslogPriority);
  if (rsyslogNetwork !== "udp" || "path" in place) {
    return new StreamSink({ kind: "rsyslog", target, place, format: octetCounted(format), tell });
  }
  return new DatagramSink({
    kind: "rsyslog",
    target,
    format,
    open: (failed) => openUdpSocket(place.host, place.port, failed),
    tell,
  });
}

function targetOf(kind: SinkKind, settings: SinkSettings): string {
  if (kind === "file") return resolve(settings.fileName);
  if (kind === "syslog") return settings.syslogSocket;
  if (kind !== "rsyslog") return "";
  const { rsyslogNetwork: network, rsyslogPlace: place } = settings;
  return `${network}:${"path" in place ? place.path : `${place.host}:${place.port}`}`;
}

function isNetwork(kind: SinkKind): boolean {
  return kind === "syslog" || kind === "rsyslog";
}

/** Asked for each time it is opened: the daemon may start after the gateway. */
function systemSocket(): string {
  return SYSLOG_SOCKETS.find((path) => existsSync(path)) ?? SYSLOG_SOCKETS[0];
}
