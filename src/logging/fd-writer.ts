/**
 * Text to a stream of the process, at once and in order, whatever the stream is: a terminal, a file, a
 * pipe that nobody reads, or closed.
 *
 * What a full pipe does not take waits here up to a limit, and is tried again with the next text and
 * from time to time; beyond the limit texts are dropped as a whole. What fails otherwise (EPIPE,
 * ENOSPC, EBADF, ...) is dropped, and counted.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";
import { libc } from "../libc/index.ts";
import type { LogSink, SinkNotice } from "./log-sink.ts";
import { SinkHealth } from "./sink-health.ts";

/** Some thousand lines: enough for a pause of the reader. */
const MAX_WAITING_BYTES = 1024 * 1024;
const RETRY_MS = 100;
/** How long the end of the process waits for a reader. */
const LAST_WRITE_MS = 1_000;

export interface FdWriterOptions {
  /** Writes what it can and answers how many bytes that was, or throws; default as the descriptor needs it. */
  readonly writeSync?: (fd: number, bytes: Uint8Array) => number;
  /** Calls back later, without keeping the process alive for it. */
  readonly retryLater?: (callback: () => void) => void;
  readonly tell?: (notice: SinkNotice) => void;
}

export class FdWriter implements LogSink {
  readonly kind: "stdout" | "stderr";
  readonly target = "";
  readonly counts: SinkHealth;
  readonly #fd: number;
  readonly #writeSync: (fd: number, bytes: Uint8Array) => number;
  readonly #retryLater: (callback: () => void) => void;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isRetryDue = false;
  /** The last text was written, not dropped. */
  #hasTaken = false;

  /** @param fd 1, 2 or what stands for them */
  constructor(kind: "stdout" | "stderr", fd: number, options: FdWriterOptions = {}) {
    this.kind = kind;
    this.#fd = fd;
    this.counts = new SinkHealth(kind, "", options.tell ?? (() => {}));
    this.#writeSync = options.writeSync ?? writerFor(fd);
    this.#retryLater =
      options.retryLater ?? ((callback) => void setTimeout(callback, RETRY_MS).unref());
  }

  write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
      this.#flush();
      if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
        this.counts.lost();
        return;
      }
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#flush();
  }

  reopen(): void {}

  flushSync(): void {
    const untilMs = Date.now() + LAST_WRITE_MS;
    this.#flush();
    while (this.#waiting.length > 0 && Date.now() < untilMs) {
      Bun.sleepSync(5);
      this.#flush();
    }
    this.counts.lost(this.#waiting.length);
    this.#waiting = [];
    this.#waitingBytes = 0;
  }

  async close(): Promise<void> {
    this.flushSync();
    await Promise.resolve();
  }

  #flush(): void {
    for (let bytes = this.#waiting[0]; bytes !== undefined; bytes = this.#waiting[0]) {
      const written = this.#writeSome(bytes);
      if (written === undefined) {
        this.#retry();
        return;
      }
      this.#waitingBytes -= written;
      if (written === bytes.length) this.#waiting.shift();
      else this.#waiting[0] = bytes.subarray(written);
    }
    if (this.#hasTaken) this.counts.works();
    this.#hasTaken = false;
  }

  /** Bytes that are off our hands; undefined when the descriptor takes nothing now. */
  #writeSome(bytes: Uint8Array): number | undefined {
    try {
      const written = this.#writeSync(this.#fd, bytes);
      this.#hasTaken = written === bytes.length;
      if (this.#hasTaken) this.counts.written += 1;
      return written > 0 ? written : undefined;
    } catch (error) {
      if (isFull(error)) return undefined;
      this.#hasTaken = false;
      this.counts.lost();
      this.counts.failed(error);
      return bytes.length;
    }
  }

  #retry(): void {
    if (this.#isRetryDue) return;
    this.#isRetryDue = true;
    this.#retryLater(() => {
      this.#isRetryDue = false;
      this.#flush();
    });
  }
}

/**
 * The descriptor to write to instead of standard output (1) or standard error (2), so that a reader
 * which stopped reading does not stop the gateway: for a pipe or a terminal one of our own that does not
 * block (the inherited one is shared with other processes and must stay as it is), else the same.
 */
export function nonBlockingFd(fd: number): number {
  try {
    const stats = fstatSync(fd);
    if (!stats.isFIFO() && !stats.isCharacterDevice()) return fd;
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    return openSync(`/proc/self/fd/${fd}`, flags);
  } catch {
    return fd; // No such path on this system, or not permitted: then it may block.
  }
}

/** A socket, such as that of systemd's journal, cannot be opened anew but be written to without waiting. */
function writerFor(fd: number): (fd: number, bytes: Uint8Array) => number {
  const calls = isSocket(fd) ? libc() : undefined;
  if (calls === undefined) return (target, bytes) => writeSync(target, bytes);
  return (target, bytes) => {
    const sent = calls.send(target, bytes);
    if (sent >= 0) return sent;
    if (calls.meaning(sent) === "full") return 0;
    throw new Error("the reader of the log is gone");
  };
}

function isSocket(fd: number): boolean {
  try {
    return fstatSync(fd).isSocket();
  } catch {
    return false; // Closed: whatever is written will fail.
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}
