/** Ended spans on their way to the collector: batched, bounded, and never in anybody's way. */
import type { TracingCounts } from "../index.ts";

/** Takes a batch; a rejection says why it did not. */
export type SendSpans<S> = (batch: S[]) => Promise<void>;

export interface SpanQueueOptions {
  /** Spans that may wait; more are dropped. */
  readonly maxQueued: number;
  /** Spans of one export. */
  readonly maxBatch: number;
  /** Longest time that a span waits for others. */
  readonly delayMs: number;
  /** Pause after a failure; doubled with each further one, up to {@link MAX_PAUSE_MS}. */
  readonly pauseMs: number;
  /** Told when exports begin to fail, and when they do again after some have not. */
  readonly onFailing: (error: Error) => void;
  /** Told when an export works that comes after some which did not. */
  readonly onRecovered: () => void;
}

const MAX_PAUSE_MS = 10_000;

/**
 * States: gathering (no export is due before the delay is over, or a batch is full), sending (one batch at a time),
 * pausing (after a failure), closed. What waits while there is nobody to send it to waits too.
 */
export class SpanQueue<S> {
  readonly #options: SpanQueueOptions;
  #send: SendSpans<S> | undefined;
  #spans: S[] = [];
  #timer: Timer | undefined;
  #sending: Promise<void> | undefined;
  #failures = 0;
  #isClosed = false;
  #exported = 0;
  #dropped = 0;
  #failed = 0;

  constructor(options: SpanQueueOptions) {
    this.#options = options;
  }

  get counts(): TracingCounts {
    return {
      exported: this.#exported,
      dropped: this.#dropped,
      failed: this.#failed,
      queued: this.#spans.length,
    };
  }

  /** Says where spans go from now on, those that wait as well. */
  open(send: SendSpans<S>): void {
    this.#send = send;
    this.#schedule();
  }

  push(span: S): void {
    if (this.#isClosed || this.#spans.length >= this.#options.maxQueued) {
      this.#dropped++;
      return;
    }
    this.#spans.push(span);
    this.#schedule();
  }

  /** Sends what waits, if that is possible within this time; nothing is taken any more. */
  async close(limitMs: number): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    const { promise: isLate, resolve } = Promise.withResolvers<void>();
    const limit = setTimeout(resolve, limitMs);
    await Promise.race([this.#drain(), isLate]);
    clearTimeout(limit);
    this.#dropped += this.#spans.length;
    this.#spans = [];
  }

  /** Until all are sent, or one batch is not taken. */
  async #drain(): Promise<void> {
    const failures = this.#failures;
    await this.#sending;
    while (this.#send !== undefined && this.#spans.length > 0 && this.#failures === failures) {
      await this.#export(this.#send);
    }
  }

  #schedule(): void {
    if (this.#isClosed || this.#sending !== undefined || this.#spans.length === 0) return;
    if (this.#send === undefined) return;
    if (this.#failures === 0 && this.#spans.length >= this.#options.maxBatch) {
      clearTimeout(this.#timer);
      this.#begin();
      return;
    }
    if (this.#timer !== undefined) return;
    const { delayMs, pauseMs } = this.#options;
    const waitMs =
      this.#failures === 0 ? delayMs : Math.min(MAX_PAUSE_MS, pauseMs * 2 ** (this.#failures - 1));
    this.#timer = setTimeout(() => this.#begin(), waitMs);
    this.#timer.unref();
  }

  #begin(): void {
    this.#timer = undefined;
    const send = this.#send;
    if (send === undefined) return;
    this.#sending = this.#export(send).then(() => {
      this.#sending = undefined;
      this.#schedule();
    });
  }

  /** A batch that is not taken is lost: what comes after it tells more than what came before. */
  async #export(send: SendSpans<S>): Promise<void> {
    const batch = this.#spans.splice(0, this.#options.maxBatch);
    try {
      await send(batch);
      this.#exported += batch.length;
      if (this.#failures > 0) this.#options.onRecovered();
      this.#failures = 0;
    } catch (thrown) {
      this.#failed += batch.length;
      if (this.#failures++ > 0) return;
      this.#options.onFailing(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }
}
