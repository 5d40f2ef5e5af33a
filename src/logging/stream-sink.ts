/**
 * Lines on a connection to a log server, TCP or a Unix socket.
 *
 *     connecting --> open --(lost, or no progress)--> pausing --> connecting
 *
 * A line stays here until the operating system has taken all of it; after a loss the ones that it had not are sent again,
 * from their beginning. Meanwhile lines wait; see {@link LogSink}.
 */
import { connect } from "node:net";
import type { Socket } from "node:net";
import { MAX_WAITING_BYTES } from "./log-sink.ts";
import type { LogSink, SinkKind, SinkNotice } from "./log-sink.ts";
import { RetryPause } from "./retry-pause.ts";
import { SinkHealth } from "./sink-health.ts";
import type { SyslogFormat } from "./syslog-format.ts";
import { WaitQueue } from "./wait-queue.ts";

/** Lines that come within this time are sent together. */
const GATHER_MS = 5;
/** For a connection to be made, and for a server to take something. */
const PROGRESS_MS = 15_000;
const CLOSE_MS = 2_000;
const BATCH_BYTES = 64 * 1024;

/** What node:net understands: a host and a port, or the path of a Unix socket. */
export type StreamPlace =
  { readonly host: string; readonly port: number } | { readonly path: string };

export interface StreamSinkOptions {
  readonly kind: SinkKind;
  readonly target: string;
  readonly place: StreamPlace;
  readonly format: SyslogFormat;
  readonly tell: (notice: SinkNotice) => void;
}

export class StreamSink implements LogSink {
  readonly kind: SinkKind;
  readonly target: string;
  readonly counts: SinkHealth;
  readonly #options: StreamSinkOptions;
  readonly #queue = new WaitQueue(MAX_WAITING_BYTES);
  readonly #pause = new RetryPause();
  #socket: Socket | undefined;
  #isOpen = false;
  /** Lines at the front of the queue that the socket has and the operating system has not yet. */
  #handedOver = 0;
  #gathering: Timer | undefined;
  #retry: Timer | undefined;
  #progress: Timer | undefined;
  #isClosing = false;
  #emptied: (() => void) | undefined;

  constructor(options: StreamSinkOptions) {
    this.#options = options;
    this.kind = options.kind;
    this.target = options.target;
    this.counts = new SinkHealth(options.kind, options.target, options.tell);
    this.#connect();
  }

  write(line: string, timeMs: number): void {
    if (this.#isClosing || !this.#queue.push(this.#options.format(line, timeMs))) {
      this.counts.lost();
      return;
    }
    this.#gathering ??= setTimeout(() => this.#send(), GATHER_MS).unref();
  }

  reopen(): void {}

  /** Connections need the event loop; {@link close} is what hands the last lines on. */
  flushSync(): void {}

  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#send();
    const socket = this.#socket;
    if (socket !== undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const limit = setTimeout(resolve, CLOSE_MS);
      this.#emptied = () => socket.end(resolve);
      if (this.#isOpen && this.#queue.length === 0) this.#emptied();
      await promise;
      clearTimeout(limit);
    }
    clearTimeout(this.#retry);
    this.counts.lost(this.#queue.length);
    this.#queue.drop(this.#queue.length);
    this.#drop();
  }

  #connect(): void {
    const { place } = this.#options;
    const socket = connect(place);
    this.#socket = socket;
    this.#expectProgress(socket);
    socket.once("connect", () => {
      if (socket !== this.#socket) return;
      this.#isOpen = true;
      clearTimeout(this.#progress);
      socket.setKeepAlive(true, 30_000);
      this.#send();
    });
    // What a log server says is of no interest, but its end of the connection is.
    socket.resume();
    socket.once("end", () => this.#fail(socket, new Error("the log server closed the connection")));
    socket.once("close", () => this.#fail(socket, new Error("the connection was lost")));
    socket.on("error", (error) => this.#fail(socket, error));
  }

  #send(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    const socket = this.#socket;
    if (socket === undefined || !this.#isOpen) return;
    if (this.#queue.length === 0) {
      this.#pause.reset();
      this.counts.works();
      this.#emptied?.();
      return;
    }
    // One at a time: its callback tells what the operating system has taken.
    if (this.#handedOver > 0) return;
    const parts: Uint8Array[] = [];
    let length = 0;
    while (length < BATCH_BYTES) {
      const message = this.#queue.at(parts.length);
      if (message === undefined) break;
      parts.push(message);
      length += message.length;
    }
    this.#handedOver = parts.length;
    this.#expectProgress(socket);
    socket.write(Buffer.concat(parts, length), (error) => {
      if (socket !== this.#socket || error) return;
      clearTimeout(this.#progress);
      this.counts.written += this.#handedOver;
      this.#queue.drop(this.#handedOver);
      this.#handedOver = 0;
      this.#send();
    });
  }

  #expectProgress(socket: Socket): void {
    clearTimeout(this.#progress);
    this.#progress = setTimeout(() => {
      this.#fail(socket, new Error("the log server takes nothing"));
    }, PROGRESS_MS).unref();
  }

  #fail(socket: Socket, error: Error): void {
    if (socket !== this.#socket) return;
    this.#drop();
    if (this.#isClosing) {
      this.#emptied?.();
      return;
    }
    this.#retry = setTimeout(() => this.#connect(), this.#pause.next()).unref();
    this.counts.failed(error);
  }

  #drop(): void {
    clearTimeout(this.#progress);
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#isOpen = false;
    this.#handedOver = 0;
  }
}
