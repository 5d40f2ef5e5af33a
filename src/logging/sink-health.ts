/**
 * What is known of a sink: working or failing, and how many lines are lost. Says so on each change, not with
 * each line.
 *
 *     working --failed--> failing --works--> working
 *
 * Lines lost on the way are told of when it works (again).
 */
import type { SinkCounts, SinkKind, SinkNotice } from "./log-sink.ts";

export class SinkHealth implements SinkCounts {
  written = 0;
  dropped = 0;
  readonly #about: { readonly output: SinkKind; readonly target?: string };
  readonly #tell: (notice: SinkNotice) => void;
  #isFailing = false;
  #untold = 0;

  constructor(kind: SinkKind, target: string, tell: (notice: SinkNotice) => void) {
    this.#about = { output: kind, ...(target !== "" && { target }) };
    this.#tell = tell;
  }

  lost(lines = 1): void {
    this.dropped += lines;
    this.#untold += lines;
  }

  failed(error: unknown): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#say({
      level: "error",
      message: "An output of the log fails, trying until it works",
      fields: { ...this.#about, code: "ERR_LOG_OUTPUT", error },
    });
  }

  /** Everything that waited has been handed on. */
  works(): void {
    const lost = this.#untold;
    if (!this.#isFailing && lost === 0) return;
    this.#untold = 0;
    const message = this.#isFailing
      ? "An output of the log works again"
      : "An output of the log was too slow";
    this.#isFailing = false;
    this.#say({
      level: lost > 0 ? "warn" : "info",
      message,
      fields: { ...this.#about, lost },
    });
  }

  /** Not at once: the sink, which may get the notice itself, is in the middle of something. */
  #say(notice: SinkNotice): void {
    queueMicrotask(() => this.#tell(notice));
  }
}
