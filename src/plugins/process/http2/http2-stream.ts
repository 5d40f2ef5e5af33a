import type { HeaderFields } from "./header-decoder.ts";

/** Gets what comes on one stream, until the last of it or until it breaks. */
export interface StreamReceiver {
  /** The headers of the answer, or its trailers: those are the last. */
  onHeaders(fields: HeaderFields, isLast: boolean): void;
  /** Whoever gets them says by {@link Http2Session.consumed} that there is room for more. */
  onData(bytes: Buffer, isLast: boolean): void;
  /** The other side has given it up, or the session has ended. */
  onBroken(reason: Error): void;
}

/** One request and its answer, with what is left to be sent and the room for that. Only its session changes it. */
export class Http2Stream {
  readonly id: number;
  readonly receiver: StreamReceiver;
  /** What has not been sent of the body; undefined once its end has. */
  unsent: Buffer | undefined;
  /** How much the other side takes now. */
  sendWindowBytes: number;
  /** How much it may send us now. */
  receiveWindowBytes: number;
  /** What was consumed, and is not yet told. */
  creditBytes = 0;

  constructor(
    id: number,
    receiver: StreamReceiver,
    body: Buffer,
    windows: { readonly send: number; readonly receive: number },
  ) {
    this.id = id;
    this.receiver = receiver;
    this.unsent = body;
    this.sendWindowBytes = windows.send;
    this.receiveWindowBytes = windows.receive;
  }
}
