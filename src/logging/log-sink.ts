/** A place that lines go to: a stream of the process, a file, a log server. */

export const SINK_KINDS = ["stdout", "stderr", "file", "syslog", "rsyslog"] as const;

export type SinkKind = (typeof SINK_KINDS)[number];

export interface LogSink {
  readonly kind: SinkKind;
  /** Which one of its kind: a path or an address; empty for the streams of the process. */
  readonly target: string;
  /** What became of its lines. */
  readonly counts: SinkCounts;
  /**
   * Takes over a line with its line end, written at that moment (milliseconds since 1970). Never throws and never
   * waits: what has no room is dropped and counted.
   */
  write(line: string, timeMs: number): void;
  /** Goes on with what has the sink's name now; where names mean nothing, nothing happens. */
  reopen(): void;
  /** Hands on what is left, synchronously, as far as that goes within a moment: the process is about to end. */
  flushSync(): void;
  /** Hands on what is left, within a few seconds, and lets go of the place. What comes later is dropped. */
  close(): Promise<void>;
}

/** Since the start of the process. */
export interface SinkCounts {
  readonly written: number;
  /** Lines that are lost: there was no room for them, or the place would not have them. */
  readonly dropped: number;
}

/** What a sink has to say of itself, for the other outputs. */
export interface SinkNotice {
  readonly level: "error" | "warn" | "info";
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Longest text that waits in a sink for a place that is slow or gone: some ten thousand lines. */
export const MAX_WAITING_BYTES = 4 * 1024 * 1024;
