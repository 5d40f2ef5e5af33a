/** The sinks of the whole process: one for each place, however many loggers write there. */
import type { LogSink, SinkKind, SinkNotice } from "./log-sink.ts";
import { adjustSink, openSink, sinkKey } from "./open-sink.ts";
import type { SinkSettings } from "./open-sink.ts";

/** What became of the lines of one place. */
export interface SinkReport {
  readonly output: SinkKind;
  /** A path or an address; empty for the streams of the process. */
  readonly target: string;
  readonly written: number;
  readonly dropped: number;
}

export class LogSinks {
  readonly #sinks = new Map<string, LogSink>();
  /** Let go of, and still handing on what they have. */
  readonly #leaving = new Map<LogSink, Promise<void>>();
  readonly #tell: (sink: LogSink, notice: SinkNotice) => void;

  /** @param tell gets what sinks have to say of themselves */
  constructor(tell: (sink: LogSink, notice: SinkNotice) => void) {
    this.#tell = tell;
  }

  /** The sink for these settings, opened if it is not. One that is follows them. */
  readonly of = (kind: SinkKind, settings: SinkSettings): LogSink => {
    const key = sinkKey(kind, settings);
    const present = this.#sinks.get(key);
    if (present !== undefined) {
      adjustSink(present, settings);
      return present;
    }
    const sink: LogSink = openSink(kind, settings, (notice) => this.#tell(sink, notice));
    this.#sinks.set(key, sink);
    return sink;
  };

  /** Lets go of all others, once they have handed on what they have. */
  async keepOnly(used: ReadonlySet<LogSink>): Promise<void> {
    const unused = [...this.#sinks].filter(([, sink]) => !used.has(sink));
    for (const [key, sink] of unused) {
      this.#sinks.delete(key);
      this.#leaving.set(
        sink,
        sink.close().finally(() => this.#leaving.delete(sink)),
      );
    }
    await Promise.all(this.#leaving.values());
  }

  reports(): readonly SinkReport[] {
    return Array.from(this.#sinks.values(), ({ kind, target, counts }) => {
      const { written, dropped } = counts;
      return { output: kind, target, written, dropped };
    });
  }

  reopen(): void {
    for (const sink of this.#sinks.values()) sink.reopen();
  }

  flushSync(): void {
    for (const sink of [...this.#leaving.keys(), ...this.#sinks.values()]) sink.flushSync();
  }

  async close(): Promise<void> {
    await this.keepOnly(new Set());
  }
}
