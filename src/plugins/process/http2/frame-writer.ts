import type { Duplex } from "node:stream";

/**
 * Writes the frames of a connection: all that a turn of the event loop has to say as one piece, one record of TLS, one
 * call of the system.
 */
export class FrameWriter {
  readonly #socket: Duplex;
  #queue: Buffer[] = [];
  #isFlushScheduled = false;
  #isClosed = false;
  #replyBytes = 0;

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  /** Replies since the peer last had taken everything. */
  get unreadReplyBytes(): number {
    return this.#replyBytes;
  }

  /** Writes what the peer has asked for, and counts it: who asks and does not read would fill our memory. */
  writeReply(bytes: Buffer): void {
    this.#replyBytes += bytes.length;
    this.write(bytes);
  }

  /** The bytes must not change any more. */
  write(bytes: Buffer): void {
    if (this.#isClosed) return;
    this.#queue.push(bytes);
    if (this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    // What came of several clients at once goes to the plugin at once, and wakes it once.
    setImmediate(this.flush);
  }

  /** Writes what is queued now. */
  readonly flush = (): void => {
    this.#isFlushScheduled = false;
    const [first, ...more] = this.#queue;
    if (first === undefined) return;
    if (this.#socket.writableLength === 0) this.#replyBytes = 0;
    this.#socket.write(more.length === 0 ? first : Buffer.concat(this.#queue));
    this.#queue = [];
  };

  /** Nothing is written any more. */
  close(): void {
    this.#isClosed = true;
    this.#queue = [];
  }
}
