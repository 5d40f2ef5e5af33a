/**
 * Text to a file descriptor, at once and in order, whatever the descriptor is: a terminal, a file, a
 * pipe that nobody reads, or closed.
 *
 * What a full pipe does not take waits here up to a limit, and is tried again with the next text and
 * from time to time; beyond the limit texts are dropped as a whole. What fails otherwise (EPIPE,
 * ENOSPC, EBADF, ...) is dropped: there is nobody left to tell.
 */
import { constants, fstatSync, openSync, writeSync } from "node:fs";

/** Some thousand lines: enough for a pause of the reader. */
const MAX_WAITING_BYTES = 1024 * 1024;
const RETRY_MS = 100;

export interface FdWriterOptions {
  /** Writes what it can and answers how many bytes that was, or throws; default node's writeSync. */
  readonly writeSync?: (fd: number, bytes: Uint8Array) => number;
  /** Calls back later, without keeping the process alive for it. */
  readonly retryLater?: (callback: () => void) => void;
}

export class FdWriter {
  readonly #fd: number;
  readonly #writeSync: (fd: number, bytes: Uint8Array) => number;
  readonly #retryLater: (callback: () => void) => void;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #isRetryDue = false;

  constructor(fd: number, options: FdWriterOptions = {}) {
    this.#fd = fd;
    this.#writeSync = options.writeSync ?? ((target, bytes) => writeSync(target, bytes));
    this.#retryLater =
      options.retryLater ?? ((callback) => void setTimeout(callback, RETRY_MS).unref());
  }

  /** Never throws. */
  write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) {
      this.#flush();
      if (this.#waitingBytes + bytes.length > MAX_WAITING_BYTES) return;
    }
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#flush();
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
  }

  /** Bytes that are off our hands; undefined when the descriptor takes nothing now. */
  #writeSome(bytes: Uint8Array): number | undefined {
    try {
      const written = this.#writeSync(this.#fd, bytes);
      return written > 0 ? written : undefined;
    } catch (error) {
      return isFull(error) ? undefined : bytes.length;
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
 * which stopped reading does not stop the gateway: for a pipe one of our own that does not block
 * (the inherited one is shared with other processes and must stay as it is), else the same.
 */
export function nonBlockingFd(fd: number): number {
  try {
    if (!fstatSync(fd).isFIFO()) return fd;
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return fd; // No such path on this system, or not permitted: then it may block.
  }
}

function isFull(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}
