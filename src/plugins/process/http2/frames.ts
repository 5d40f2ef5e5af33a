/** HTTP/2's frames (RFC 9113, section 4 and 6). */

export const FRAME_HEADER_BYTES = 9;

/** Longest payload that either side may send unless the other has allowed more, which we do not. */
export const MAX_PAYLOAD_BYTES = 16_384;

/** Of a window that nobody has spoken of. */
export const DEFAULT_WINDOW_BYTES = 65_535;
export const MAX_WINDOW_BYTES = 2 ** 31 - 1;

export const FrameType = {
  Data: 0,
  Headers: 1,
  Priority: 2,
  RstStream: 3,
  Settings: 4,
  PushPromise: 5,
  Ping: 6,
  Goaway: 7,
  WindowUpdate: 8,
  Continuation: 9,
} as const;

/** Which of them a bit means depends on the frame. */
export const FrameFlag = {
  EndStream: 0x01,
  Ack: 0x01,
  EndHeaders: 0x04,
  Padded: 0x08,
  Priority: 0x20,
} as const;

/** Settings that are spoken of here. */
export const Setting = {
  EnablePush: 2,
  MaxConcurrentStreams: 3,
  InitialWindowSize: 4,
  MaxFrameSize: 5,
} as const;

/** Why a stream or a session ends. */
export const ErrorCode = {
  NoError: 0,
  ProtocolError: 1,
  FlowControlError: 3,
  FrameSizeError: 6,
  Cancel: 8,
  CompressionError: 9,
  EnhanceYourCalm: 11,
} as const;
export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

/** What a peer may not do: the session ends with it. */
export class Http2Error extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Writes the header of a frame. */
export function writeFrameHeader(
  target: Buffer,
  at: number,
  length: number,
  type: number,
  flags: number,
  streamId: number,
): void {
  target[at] = length >>> 16;
  target[at + 1] = length >>> 8;
  target[at + 2] = length;
  target[at + 3] = type;
  target[at + 4] = flags;
  target.writeUInt32BE(streamId, at + 5);
}

/** A whole frame with a payload of our own making. */
export function makeFrame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = new Uint8Array(0),
): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + payload.length);
  writeFrameHeader(frame, 0, payload.length, type, flags, streamId);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

/** A frame whose payload is a number of 4 bytes. */
export function numberFrame(type: number, streamId: number, value: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + 4);
  writeFrameHeader(frame, 0, 4, type, 0, streamId);
  frame.writeUInt32BE(value, FRAME_HEADER_BYTES);
  return frame;
}

/** A SETTINGS frame. */
export function settingsFrame(settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.allocUnsafe(settings.length * 6);
  for (const [index, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, index * 6);
    payload.writeUInt32BE(value, index * 6 + 2);
  }
  return makeFrame(FrameType.Settings, 0, 0, payload);
}
