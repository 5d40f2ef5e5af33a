import {
  DEFAULT_WINDOW_BYTES,
  ErrorCode,
  FRAME_HEADER_BYTES,
  FrameFlag,
  FrameType,
  Http2Error,
  MAX_PAYLOAD_BYTES,
  MAX_WINDOW_BYTES,
  writeFrameHeader,
} from "./frames.ts";
import type { FrameWriter } from "./frame-writer.ts";
import type { Http2Stream } from "./http2-stream.ts";

/** Sends the bodies of requests as far as the other side has room for them: on each stream, and on all of them. */
export class BodySender {
  readonly #writer: FrameWriter;
  /** Those that have something to send and no room for it, the longest waiting first. */
  readonly #blocked = new Set<Http2Stream>();
  #windowBytes = DEFAULT_WINDOW_BYTES;
  #streamWindowBytes = DEFAULT_WINDOW_BYTES;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** The room that each new stream has. */
  get streamWindowBytes(): number {
    return this.#streamWindowBytes;
  }

  /** Sends what there is room for; the rest follows when there is more. */
  send(stream: Http2Stream): void {
    for (;;) {
      const { unsent } = stream;
      if (unsent === undefined) return;
      const room = Math.max(0, Math.min(stream.sendWindowBytes, this.#windowBytes));
      const length = Math.min(unsent.length, MAX_PAYLOAD_BYTES, room);
      if (length === 0 && unsent.length > 0) {
        this.#blocked.add(stream);
        return;
      }
      const isLast = length === unsent.length;
      const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
      const flags = isLast ? FrameFlag.EndStream : 0;
      writeFrameHeader(header, 0, length, FrameType.Data, flags, stream.id);
      this.#writer.write(header);
      this.#writer.write(isLast ? unsent : unsent.subarray(0, length));
      stream.sendWindowBytes -= length;
      this.#windowBytes -= length;
      stream.unsent = isLast ? undefined : unsent.subarray(length);
    }
  }

  /** There is more room on all streams together. @throws an Http2Error when that is too much */
  widen(byteLength: number): void {
    this.#windowBytes = widened(this.#windowBytes, byteLength);
    // Those that find no room wait again, behind the others.
    for (const stream of [...this.#blocked]) {
      if (this.#windowBytes <= 0) return;
      this.#unblock(stream);
    }
  }

  /** There is more room on one stream. @throws an Http2Error when that is too much */
  widenStream(stream: Http2Stream, byteLength: number): void {
    stream.sendWindowBytes = widened(stream.sendWindowBytes, byteLength);
    if (this.#blocked.has(stream)) this.#unblock(stream);
  }

  /** Each stream has this much room at its start: those that are under way have more or less than before. */
  resizeStreams(byteLength: number, streams: Iterable<Http2Stream>): void {
    if (byteLength > MAX_WINDOW_BYTES) tooLarge();
    const change = byteLength - this.#streamWindowBytes;
    this.#streamWindowBytes = byteLength;
    for (const stream of streams) {
      stream.sendWindowBytes += change;
      if (this.#blocked.has(stream)) this.#unblock(stream);
    }
  }

  forget(stream: Http2Stream): void {
    this.#blocked.delete(stream);
  }

  clear(): void {
    this.#blocked.clear();
  }

  #unblock(stream: Http2Stream): void {
    this.#blocked.delete(stream);
    this.send(stream);
  }
}

function widened(windowBytes: number, byteLength: number): number {
  const sum = windowBytes + byteLength;
  return sum > MAX_WINDOW_BYTES ? tooLarge() : sum;
}

function tooLarge(): never {
  throw new Http2Error(ErrorCode.FlowControlError, "a window is too large");
}
