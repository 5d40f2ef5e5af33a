import type { Socket } from "bun";
import { frontendMessage, startupPacket } from "../../tests/kit/index.ts";

/** Length of a message's head: its type and the length of the rest (PostgreSQL manual, "Message Formats"). */
const HEAD_BYTES = 5;

const READY_FOR_QUERY = 0x5a; // Z
const ERROR_RESPONSE = 0x45; // E
const COPY_IN_RESPONSE = 0x47; // G

/** Enough of an ErrorResponse to say what it is about. */
const MAX_ERROR_BYTES = 500;

interface Awaited {
  readonly type: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * A client that moves much and keeps nothing: it reads heads and counts bytes, and sends the same chunk again
 * and again. So little work that it is the bottleneck of no endpoint.
 */
export class PgStream implements Disposable {
  /** All bytes received so far. */
  receivedBytes = 0;

  #socket: Socket | undefined;
  readonly #head = new DataView(new ArrayBuffer(HEAD_BYTES));
  #headBytes = 0;
  #bodyBytes = 0;
  #error = "";
  #failure: Error | undefined;
  #awaited: Awaited | undefined;
  #unsent: Uint8Array | undefined;
  #repeat: { readonly chunk: Uint8Array; left: number; readonly done: () => void } | undefined;

  readonly #signal: AbortSignal;
  readonly #abort = (): void => {
    this.#fail(this.#signal.reason instanceof Error ? this.#signal.reason : new Error("aborted"));
    this[Symbol.dispose]();
  };

  private constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  /** Connects and logs in. @throws when it is refused, or the signal comes. */
  static async open(
    target: { readonly host: string; readonly port: number },
    signal: AbortSignal,
  ): Promise<PgStream> {
    signal.throwIfAborted();
    const stream = new PgStream(signal);
    stream.#socket = await Bun.connect({
      hostname: target.host,
      port: target.port,
      socket: {
        data: (_socket, bytes) => stream.#receive(bytes),
        drain: () => stream.#flush(),
        close: () => stream.#fail(new Error("the connection was closed")),
        error: (_socket, error) => stream.#fail(error),
      },
    });
    signal.addEventListener("abort", stream.#abort);
    const ready = stream.#next(READY_FOR_QUERY);
    stream.#send(startupPacket({ user: "postgres", database: "postgres" }));
    await ready;
    return stream;
  }

  /** Sends a query and reads its answer to the end. @throws what the server complains about. */
  async query(text: string): Promise<void> {
    const ready = this.#next(READY_FOR_QUERY);
    this.#send(frontendMessage("Q", `${text}\0`));
    await ready;
  }

  /** Sends a `COPY ... FROM STDIN`, then the same CopyData messages so many times, and waits for the end. */
  async copyIn(text: string, chunk: Uint8Array, times: number): Promise<void> {
    const copying = this.#next(COPY_IN_RESPONSE);
    this.#send(frontendMessage("Q", `${text}\0`));
    await copying;
    const ready = this.#next(READY_FOR_QUERY);
    const sent = new Promise<void>((done) => {
      this.#repeat = { chunk, left: times, done };
      this.#flush();
    });
    // A server that gives up does not let us finish.
    await Promise.race([sent, ready]);
    this.#send(frontendMessage("c", ""));
    await ready;
  }

  /** Stops and starts reading. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Leaves without a word, as pgbench does when it is killed. */
  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#abort);
    this.#socket?.terminate();
    this.#socket = undefined;
  }

  /** Resolves with the next message of a type. */
  #next(type: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#failure) reject(this.#failure);
      else this.#awaited = { type, resolve, reject };
    });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#awaited?.reject(this.#failure);
    this.#awaited = undefined;
  }

  #receive(bytes: Uint8Array): void {
    this.receivedBytes += bytes.length;
    let at = 0;
    while (at < bytes.length) {
      if (this.#bodyBytes > 0) {
        const taken = Math.min(this.#bodyBytes, bytes.length - at);
        if (this.#head.getUint8(0) === ERROR_RESPONSE && this.#error.length < MAX_ERROR_BYTES) {
          this.#error += new TextDecoder().decode(bytes.subarray(at, at + taken));
        }
        this.#bodyBytes -= taken;
        at += taken;
      } else {
        this.#head.setUint8(this.#headBytes++, bytes[at++] ?? 0);
        if (this.#headBytes < HEAD_BYTES) continue;
        this.#bodyBytes = this.#head.getUint32(1) - 4;
        this.#headBytes = 0;
      }
      if (this.#bodyBytes === 0 && this.#headBytes === 0)
        this.#endOfMessage(this.#head.getUint8(0));
    }
  }

  #endOfMessage(type: number): void {
    if (type === READY_FOR_QUERY && this.#error !== "") {
      this.#fail(new Error(this.#error.replaceAll("\0", " ")));
    } else if (type === this.#awaited?.type) {
      const { resolve } = this.#awaited;
      this.#awaited = undefined;
      resolve();
    }
  }

  #send(bytes: Uint8Array): void {
    this.#unsent = this.#unsent ? Buffer.concat([this.#unsent, bytes]) : bytes;
    this.#flush();
  }

  /** Writes what the socket takes: the rest of the last write, then the chunks that are still to be sent. */
  #flush(): void {
    for (;;) {
      if (this.#unsent === undefined) {
        const repeat = this.#repeat;
        if (repeat === undefined) return;
        if (repeat.left === 0) {
          this.#repeat = undefined;
          repeat.done();
          return;
        }
        repeat.left -= 1;
        this.#unsent = repeat.chunk;
      }
      const written = Math.max(0, this.#socket?.write(this.#unsent) ?? 0);
      if (written < this.#unsent.length) {
        this.#unsent = this.#unsent.subarray(written);
        return;
      }
      this.#unsent = undefined;
    }
  }
}

/** CopyData messages, one behind the other, all holding the same lines of so many bytes each. */
export function copyDataChunk(
  lineBytes: number,
  linesPerMessage: number,
  messages: number,
): Uint8Array {
  const line = `${"x".repeat(lineBytes - 1)}\n`;
  const one = frontendMessage("d", line.repeat(linesPerMessage));
  return Buffer.concat(Array.from({ length: messages }, () => one));
}
