/**
 * A log file: lines are gathered for a moment and written by a thread of the runtime, one write after the other, so
 * that a slow or full disk holds up nobody. What cannot be written waits and is tried again; see {@link LogSink}.
 *
 *     opening --> idle <--> writing --(would be too long)--> rotating --> opening
 *        ^                    |  any of them fails
 *        +-- a second later --+
 *
 * `maxBytes` holds for regular files: a pipe or a device is only written to. Whatever the name stands for is opened
 * without waiting for a reader. A standard stream that leads to a file is such a file, which stays open and as it is.
 */
import {
  close,
  closeSync,
  constants,
  fstat,
  fstatSync,
  mkdirSync,
  open,
  openSync,
  write,
  writeSync,
} from "node:fs";
import { access, chmod, mkdir, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { MAX_WAITING_BYTES } from "./log-sink.ts";
import type { LogSink, SinkKind, SinkNotice } from "./log-sink.ts";
import { rotatedName, tidyRotated } from "./rotated-files.ts";
import type { RotationSettings } from "./rotated-files.ts";
import { SinkHealth } from "./sink-health.ts";
import { WaitQueue } from "./wait-queue.ts";

/** Lines that come within this time are written together. */
const GATHER_MS = 5;
const RETRY_MS = 1_000;
/** A pipe says nothing when it has room again. */
const FULL_MS = 20;
const ROTATE_AGAIN_MS = 60_000;
const CLOSE_MS = 3_000;
/** How long the end of the process waits for a write that is under way. */
const LAST_WRITE_MS = 1_000;
const BATCH_BYTES = 256 * 1024;

const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK;
/** For its owner alone: statements and addresses are in it. */
const MODE = 0o600;

const openAsync = promisify(open);
const closeAsync = promisify(close);
const fstatAsync = promisify(fstat);
const writeAsync = promisify(write);

/** What may change while the file is written. */
export interface FileTerms {
  /** The file is rotated before it gets longer. */
  readonly maxBytes: number;
  readonly rotation: RotationSettings;
}

export interface FileSinkOptions extends FileTerms {
  /** Empty for a standard stream. */
  readonly path: string;
  /** The standard stream that the file is open as. Others may write to it as well: it is neither closed nor rotated. */
  readonly stream?: { readonly kind: "stdout" | "stderr"; readonly fd: number } | undefined;
  readonly tell: (notice: SinkNotice) => void;
  /** Default the system's clock. */
  readonly now?: () => number;
}

interface OpenFile {
  readonly fd: number;
  readonly isRegular: boolean;
  size: number;
}

/** Lines that are being written, as one. */
interface Batch {
  readonly bytes: Uint8Array;
  readonly lines: number;
  done: number;
}

export class FileSink implements LogSink {
  readonly kind: SinkKind;
  readonly target: string;
  readonly counts: SinkHealth;
  readonly #options: FileSinkOptions;
  #terms: FileTerms;
  readonly #now: () => number;
  readonly #queue = new WaitQueue(MAX_WAITING_BYTES);
  #file: OpenFile | undefined;
  #batch: Batch | undefined;
  /** Given to the other thread; undefined when nothing is. */
  #isWriteUnderWay = false;
  #timer: Timer | undefined;
  #work: Promise<void> | undefined;
  #mustReopen = false;
  #isClosing = false;
  #closing: Promise<void> | undefined;
  #isClosed = false;
  #rotateFromMs = 0;
  #tidying = Promise.resolve();

  constructor(options: FileSinkOptions) {
    this.#options = options;
    this.#terms = options;
    this.#now = options.now ?? Date.now;
    this.target = options.path;
    this.kind = options.stream?.kind ?? "file";
    this.counts = new SinkHealth(this.kind, options.path, options.tell);
    this.#start();
  }

  write(line: string): void {
    if (this.#isClosing || !this.#queue.push(Buffer.from(line))) this.counts.lost();
    else this.#startIn(GATHER_MS);
  }

  /** From the next line on. */
  adjust(terms: FileTerms): void {
    this.#terms = terms;
  }

  reopen(): void {
    if (this.#isClosing || this.#options.stream !== undefined) return;
    this.#mustReopen = true;
    this.#start();
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  /** Also after {@link flushSync}: what was under way then may still rotate the file. */
  async #close(): Promise<void> {
    this.#isClosing = true;
    this.#start();
    await within(CLOSE_MS, this.#work);
    this.flushSync();
    await within(CLOSE_MS, this.#tidying);
    if (this.#file !== undefined && this.#options.stream === undefined) closeSync(this.#file.fd);
    this.#file = undefined;
  }

  flushSync(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isClosing = true;
    clearTimeout(this.#timer);
    try {
      this.#finishWrite();
      if (this.#batch === undefined && this.#queue.length === 0) return;
      this.#file ??= openedSync(this.#options);
      const file = this.#file;
      for (let batch = this.#next(); batch !== undefined; batch = this.#next()) {
        this.#took(batch, writeSync(file.fd, batch.bytes.subarray(batch.done)));
      }
    } catch (error) {
      this.counts.lost(this.#queue.length + (this.#batch?.lines ?? 0));
      this.counts.failed(error);
    }
  }

  /** What the other thread has been given is written or not: the length of the file tells. */
  #finishWrite(): void {
    const [file, batch] = [this.#file, this.#batch];
    if (!this.#isWriteUnderWay || file === undefined || batch === undefined) return;
    const length = batch.bytes.length - batch.done;
    const untilMs = Date.now() + LAST_WRITE_MS;
    while (file.isRegular && fstatSync(file.fd).size < file.size + length) {
      if (Date.now() >= untilMs) throw new Error("the last write is still under way");
      Bun.sleepSync(1);
    }
    this.#took(batch, length);
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isClosed) return;
    this.#work ??= this.#run().finally(() => {
      this.#work = undefined;
      if (this.#mustReopen) this.#start();
      else if (this.#queue.length > 0) this.#startIn(GATHER_MS);
    });
  }

  #startIn(delayMs: number): void {
    if (this.#work !== undefined || this.#isClosed) return;
    this.#timer ??= setTimeout(() => this.#start(), delayMs).unref();
  }

  /** Writes all there is. Never rejects. */
  async #run(): Promise<void> {
    try {
      if (this.#mustReopen) await this.#letGo();
      this.#file ??= await this.#opened();
      while (await this.#writeSome());
      if (!this.#isClosed) this.counts.works();
    } catch (error) {
      if (this.#isClosed) return;
      const isFull = isFullPipe(error);
      if (!isFull) this.counts.failed(error);
      this.#timer ??= setTimeout(() => this.#start(), isFull ? FULL_MS : RETRY_MS).unref();
    }
  }

  async #writeSome(): Promise<boolean> {
    const file = this.#file;
    if (file === undefined || this.#isClosed) return false;
    if (this.#isFull(file)) {
      await this.#rotate();
      return true;
    }
    if (this.#batch === undefined && this.#queue.length === 0) return false;
    // Something else may have cut it, to keep it short without a signal.
    file.size = (await fstatAsync(file.fd)).size;
    if (this.#isClosed) return false;
    const batch = this.#next();
    if (batch === undefined) return false;
    this.#isWriteUnderWay = true;
    try {
      const { bytes, done } = batch;
      const { bytesWritten } = await writeAsync(file.fd, bytes, done, bytes.length - done, null);
      if (!this.#isClosed) this.#took(batch, bytesWritten);
    } finally {
      this.#isWriteUnderWay = false;
    }
    return true;
  }

  /** The next line does not fit; a line that is longer than a file may be has one of its own. */
  #isFull({ isRegular, size }: OpenFile): boolean {
    const length = this.#batch === undefined ? (this.#queue.at(0)?.length ?? 0) : 0;
    const isTooLong = size > 0 && length > 0 && size + length > this.#terms.maxBytes;
    return isRegular && isTooLong && this.#now() >= this.#rotateFromMs;
  }

  /** The one that is not all written yet, or lines that wait, as many as go into the file. */
  #next(): Batch | undefined {
    if (this.#batch !== undefined) return this.#batch;
    const isBounded = this.#now() >= this.#rotateFromMs && this.#file?.isRegular === true;
    const room = isBounded ? this.#terms.maxBytes - (this.#file?.size ?? 0) : BATCH_BYTES;
    const parts: Uint8Array[] = [];
    let length = 0;
    for (let line = this.#queue.at(0); line !== undefined; line = this.#queue.at(parts.length)) {
      if (length > 0 && length + line.length > Math.min(room, BATCH_BYTES)) break;
      parts.push(line);
      length += line.length;
    }
    if (length === 0) return undefined;
    this.#queue.drop(parts.length);
    this.#batch = { bytes: Buffer.concat(parts, length), lines: parts.length, done: 0 };
    return this.#batch;
  }

  #took(batch: Batch, length: number): void {
    batch.done += length;
    if (this.#file !== undefined) this.#file.size += length;
    if (batch.done < batch.bytes.length) return;
    this.counts.written += batch.lines;
    this.#batch = undefined;
  }

  async #opened(): Promise<OpenFile> {
    const { path, stream } = this.#options;
    if (stream !== undefined) return openedSync(this.#options);
    await mkdir(dirname(path), { recursive: true });
    const fd = await openAsync(path, FLAGS, MODE);
    const stats = await fstatAsync(fd);
    this.#tidy();
    return { fd, isRegular: stats.isFile(), size: stats.size };
  }

  async #letGo(): Promise<void> {
    this.#mustReopen = false;
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) await closeAsync(file.fd);
  }

  /** The file goes out of the way of a new one; where that fails it grows, and is tried again after a while. */
  async #rotate(): Promise<void> {
    const { path, tell } = this.#options;
    try {
      await rename(path, await this.#freeName());
    } catch (error) {
      this.#rotateFromMs = this.#now() + ROTATE_AGAIN_MS;
      tell({
        level: "error",
        message: "The log file cannot be rotated",
        fields: { path, error },
      });
      return;
    }
    const mode = this.#file === undefined ? MODE : (await fstatAsync(this.#file.fd)).mode & 0o777;
    await this.#letGo();
    this.#file = await this.#opened();
    await chmod(path, mode);
  }

  async #freeName(): Promise<string> {
    const { path } = this.#options;
    const { rotation } = this.#terms;
    for (let timeMs = this.#now(); ; timeMs += 1) {
      const name = rotatedName(path, timeMs, rotation.localTime);
      const isTaken = await Promise.all([name, `${name}.gz`].map((each) => exists(each)));
      if (!isTaken.includes(true)) return name;
    }
  }

  /** One after the other, so that no file is compressed twice at the same time. */
  #tidy(): void {
    const { path, tell } = this.#options;
    this.#tidying = this.#tidying
      .then(() => tidyRotated(path, this.#terms.rotation, this.#now()))
      .catch((error: unknown) => {
        tell({
          level: "error",
          message: "Rotated log files cannot be tidied",
          fields: { path, error },
        });
      });
  }
}

function openedSync({ path, stream }: FileSinkOptions): OpenFile {
  if (stream === undefined) mkdirSync(dirname(path), { recursive: true });
  const fd = stream?.fd ?? openSync(path, FLAGS, MODE);
  const stats = fstatSync(fd);
  return { fd, isRegular: stats.isFile(), size: stats.size };
}

function isFullPipe(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EAGAIN";
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function within(limitMs: number, happening: Promise<void> | undefined): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const limit = setTimeout(resolve, limitMs);
  await Promise.race([happening, promise]);
  clearTimeout(limit);
}
