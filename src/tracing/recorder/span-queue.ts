/** Ended spans on their way to the collector: batched, bounded, and never in anybody's way. */
import type { TracingCounts } from "../index.ts";
import type { Refusal } from "./refused-spans.ts";

/** Takes a batch, all but what it says; a rejection says why it did not. */
export type SendSpans<S> = (batch: S[]) => Promise<Refusal | undefined>;

export interface SpanQueueOptions {
  /** Spans that may wait; more are dropped. */
  readonly maxQueued: number;
  /** Spans of one export. */
  readonly maxBatch: number;
  /** Longest time that a span waits for others. */
  readonly delayMs: number;
  /** Pause after a failure; doubled with each further one, up to {@link MAX_PAUSE_MS}. */
  readonly pauseMs: number;
  /** Told when spans begin to be refused, some of a batch or all, and when they are again after some were not. */
  readonly onFailing: (error: Error) => void;
  /** Told when a batch is taken that comes after some which were not. */
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
  /** Somebody has been told. */
  #isFailing = false;
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
      const refusal = await send(batch);
      const refused = Math.min(refusal?.count ?? 0, batch.length);
      this.#exported += batch.length - refused;
      this.#failed += refused;
      this.#failures = 0;
      if (refusal === undefined) this.#recovered();
      else
        this.#failing(new Error(`${refused} of ${batch.length} were refused: ${refusal.reason}`));
    } catch (thrown) {
      this.#failed += batch.length;
      this.#failures++;
      this.#failing(thrown instanceof Error ? thrown : new Error(String(thrown)));
    }
  }

  #failing(error: Error): void {
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.onFailing(error);
  }

  #recovered(): void {
    if (!this.#isFailing) return;
    this.#isFailing = false;
    this.#options.onRecovered();
  }
}
