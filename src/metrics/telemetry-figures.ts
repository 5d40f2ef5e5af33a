/** What becomes of log records and spans, as far as the page tells of it: plain values. */
import type { Figures } from "./figures.ts";

/** A place that log records go to. */
export interface LogFigures {
  readonly output: string;
  /** A path or an address; empty for the streams of the process. */
  readonly target: string;
  readonly written: number;
  readonly dropped: number;
}

/** Spans that have ended. */
export interface SpanFigures {
  readonly exported: number;
  readonly dropped: number;
  readonly failed: number;
  readonly queued: number;
}

/** Two loggers that send to one address with different priorities are one place here. */
export function collectLogs(figures: Figures, logs: readonly LogFigures[]): void {
  const places = Map.groupBy(logs, ({ output, target }) => JSON.stringify([output, target]));
  for (const [first, ...others] of places.values()) {
    if (first === undefined) continue;
    const { output, target } = first;
    const written = others.reduce((sum, log) => sum + log.written, first.written);
    const dropped = others.reduce((sum, log) => sum + log.dropped, first.dropped);
    figures.set("gatewayd_log_records_total", { output, target }, written);
    figures.set("gatewayd_log_records_dropped_total", { output, target }, dropped);
  }
}

export function collectSpans(figures: Figures, { queued, ...fates }: SpanFigures): void {
  for (const [fate, count] of Object.entries(fates)) {
    figures.set("gatewayd_spans_total", { fate }, count);
  }
  figures.set("gatewayd_spans_queued", {}, queued);
}
