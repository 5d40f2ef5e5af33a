/** Takes the messages out of the bytes of a gRPC stream. */
import { Code, ConnectError } from "@connectrpc/connect";
import { PREFIX_BYTES } from "./wire.ts";

export class MessageReader {
  readonly #maxBytes: number;
  /** Chunks of an unfinished message; one that comes in one chunk is never kept here. */
  #chunks: Buffer[] = [];
  #byteLength = 0;
  /** Bytes that the unfinished message has with its prefix, once that is known. */
  #wanted = 0;

  /** `maxBytes` is the longest message that is accepted. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether the bytes so far end within a message. */
  get isWithin(): boolean {
    return this.#byteLength > 0;
  }

  /**
   * Hands out the messages that are complete with this chunk, as parts of it where that is possible.
   *
   * @throws a ConnectError for a message that is too long or compressed
   */
  read(chunk: Buffer, onMessage: (message: Buffer) => void): void {
    let rest = this.#byteLength === 0 ? chunk : this.#joined(chunk);
    while (rest !== undefined && rest.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + this.#lengthIn(rest);
      if (rest.length < end) {
        this.#wanted = end;
        break;
      }
      onMessage(rest.subarray(PREFIX_BYTES, end));
      rest = rest.length > end ? rest.subarray(end) : undefined;
    }
    if (rest === undefined || rest.length === 0) return;
    this.#chunks = [rest];
    this.#byteLength = rest.length;
  }

  /** Everything there is when it is enough for a message, else nothing; then the chunk is kept. */
  #joined(chunk: Buffer): Buffer | undefined {
    this.#chunks.push(chunk);
    this.#byteLength += chunk.length;
    const isEnough = this.#byteLength >= Math.max(this.#wanted, PREFIX_BYTES);
    if (!isEnough) return undefined;
    const all = Buffer.concat(this.#chunks, this.#byteLength);
    this.#chunks = [];
    this.#byteLength = 0;
    this.#wanted = 0;
    return all;
  }

  #lengthIn(frame: Buffer): number {
    if (frame[0] !== 0) {
      throw new ConnectError("the message is compressed, which was not asked for", Code.Internal);
    }
    const length = frame.readUInt32BE(1);
    if (length <= this.#maxBytes) return length;
    throw new ConnectError(
      `the message has ${length} bytes, and ${this.#maxBytes} are allowed`,
      Code.ResourceExhausted,
    );
  }
}
