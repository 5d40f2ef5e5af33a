import { ErrorCode, FRAME_HEADER_BYTES, Http2Error, MAX_PAYLOAD_BYTES } from "./frames.ts";

/** Gets one frame; the payload is a part of what was read. */
export type OnFrame = (type: number, flags: number, streamId: number, payload: Buffer) => void;

/** Takes the frames out of the bytes of a connection. */
export class FrameReader {
  readonly #onFrame: OnFrame;
  #rest: Buffer | undefined;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** @throws an Http2Error for a frame that is too long, and what `onFrame` throws */
  read(chunk: Buffer): void {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = undefined;
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const length = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
      if (length > MAX_PAYLOAD_BYTES) {
        throw new Http2Error(ErrorCode.FrameSizeError, `a frame has ${length} bytes`);
      }
      const start = at + FRAME_HEADER_BYTES;
      const end = start + length;
      if (end > bytes.length) break;
      const type = bytes[at + 3] ?? 0;
      const flags = bytes[at + 4] ?? 0;
      const streamId = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
      at = end;
      this.#onFrame(type, flags, streamId, bytes.subarray(start, end));
    }
    if (at < bytes.length) this.#rest = bytes.subarray(at);
  }
}
