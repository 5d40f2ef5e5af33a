/**
 * Lines as datagrams, one each: the socket of the local syslog daemon, or UDP.
 *
 *     opening --> open --(fails)--> pausing --> opening
 *
 * While the place takes nothing, or is gone, lines wait; see {@link LogSink}.
 */
import type { UnixDatagramSocket } from "../libc/index.ts";
import { MAX_WAITING_BYTES } from "./log-sink.ts";
import type { LogSink, SinkKind, SinkNotice } from "./log-sink.ts";
import { RetryPause } from "./retry-pause.ts";
import { SinkHealth } from "./sink-health.ts";
import type { SyslogFormat } from "./syslog-format.ts";
import { WaitQueue } from "./wait-queue.ts";

/** A full socket says nothing when it has room again: looked at after a moment, and less often while it stays full. */
const FULL_MS = 1;
const LONGEST_FULL_MS = 50;
/** How long the end of the process waits for a place that is full. */
const CLOSE_MS = 1_000;
/** A place that is not there may say so only after it was sent something. */
const SETTLED_MS = 1_000;

/** Of whatever kind. */
export type DatagramSocket = UnixDatagramSocket;

export interface DatagramSinkOptions {
  readonly kind: SinkKind;
  readonly target: string;
  readonly format: SyslogFormat;
  /** @param failed is called when the place turns out to be gone */
  readonly open: (failed: (error: unknown) => void) => DatagramSocket | Promise<DatagramSocket>;
  readonly tell: (notice: SinkNotice) => void;
}

export class DatagramSink implements LogSink {
  readonly kind: SinkKind;
  readonly target: string;
  readonly counts: SinkHealth;
  readonly #options: DatagramSinkOptions;
  readonly #queue = new WaitQueue(MAX_WAITING_BYTES);
  readonly #pause = new RetryPause();
  #socket: DatagramSocket | undefined;
  /** Counts sockets: one that was given up is not heard any more. */
  #attempt = 0;
  #fullMs = FULL_MS;
  #timer: Timer | undefined;
  #settling: Timer | undefined;
  #isClosed = false;

  constructor(options: DatagramSinkOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.target = options.target;
    this.counts = new SinkHealth(options.kind, options.target, options.tell);
    void this.#open();
  }

  write(line: string, timeMs: number): void {
    if (this.#isClosed || !this.#queue.push(this.#options.format(line, timeMs))) {
      this.counts.lost();
    } else if (this.#queue.length === 1) this.#flush();
  }

  reopen(): void {}

  flushSync(): void {
    const untilMs = Date.now() + CLOSE_MS;
    for (this.#flush(); this.#isFull && Date.now() < untilMs; this.#flush()) Bun.sleepSync(FULL_MS);
  }

  async close(): Promise<void> {
    const untilMs = Date.now() + CLOSE_MS;
    for (this.#flush(); this.#isFull && Date.now() < untilMs; this.#flush()) {
      await Bun.sleep(FULL_MS);
    }
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#settling);
    this.counts.lost(this.#queue.length);
    this.#queue.drop(this.#queue.length);
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** There is a place, and it takes nothing at the moment. */
  get #isFull(): boolean {
    return this.#socket !== undefined && this.#queue.length > 0;
  }

  async #open(): Promise<void> {
    const attempt = this.#attempt;
    const isGivenUp = (): boolean => this.#isClosed || attempt !== this.#attempt;
    try {
      const socket = await this.#options.open((error) => {
        if (!isGivenUp()) this.#fail(error);
      });
      if (isGivenUp()) socket.close();
      else this.#socket = socket;
      this.#flush();
    } catch (error) {
      if (!isGivenUp()) this.#fail(error);
    }
  }

  #flush(): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    for (let message = this.#queue.at(0); message !== undefined; message = this.#queue.at(0)) {
      try {
        const outcome = socket.send(message);
        if (outcome === "full") {
          this.#later(this.#fullMs, () => this.#flush());
          this.#fullMs = Math.min(this.#fullMs * 2, LONGEST_FULL_MS);
          return;
        }
        if (outcome === "sent") this.counts.written += 1;
        else this.counts.lost();
        this.#queue.drop(1);
        this.#fullMs = FULL_MS;
      } catch (error) {
        this.#fail(error);
        return;
      }
    }
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      this.#pause.reset();
      this.counts.works();
    }, SETTLED_MS).unref();
  }

  #fail(error: unknown): void {
    this.#attempt += 1;
    clearTimeout(this.#settling);
    this.#settling = undefined;
    this.#socket?.close();
    this.#socket = undefined;
    this.#later(this.#pause.next(), () => void this.#open());
    this.counts.failed(error);
  }

  #later(delayMs: number, callback: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(callback, delayMs).unref();
  }
}
