/**
 * The client's side of one HTTP/2 connection (RFC 9113), as much of it as unary calls and streams from the server need.
 */
import type { Duplex } from "node:stream";
import { BodySender } from "./body-sender.ts";
import {
  DEFAULT_WINDOW_BYTES,
  ErrorCode,
  FrameFlag,
  FrameType,
  Http2Error,
  makeFrame,
  numberFrame,
  Setting,
  settingsFrame,
} from "./frames.ts";
import { FrameReader } from "./frame-reader.ts";
import { FrameWriter } from "./frame-writer.ts";
import { HeaderDecoder } from "./header-decoder.ts";
import { Http2Stream, type StreamReceiver } from "./http2-stream.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** Our windows: large enough that an ordinary answer needs no word about them. */
const STREAM_WINDOW_BYTES = 1 << 20;
const SESSION_WINDOW_BYTES = 1 << 24;

const LAST_STREAM_ID = 2 ** 31 - 1;

/** Longest headers of one answer, and in how many frames they may come. */
const MAX_HEADER_BYTES = 64 * 1024;
const MAX_CONTINUATIONS = 64;

/** A peer that asks for more replies than this, and does not read them, is left. */
const MAX_UNREAD_REPLY_BYTES = 1 << 20;

/** How long the last words may take to go out. */
const LAST_WORDS_MS = 1000;

export interface SessionEvents {
  /** How many streams the server takes at a time. The first time says that it is there. */
  onSettings(maxConcurrentStreams: number): void;
  /** No stream can be opened any more; those under way go on. */
  onLeaving(): void;
  /** Nothing comes any more. Every stream has been told before. */
  onClosed(reason: Error): void;
}

/** Headers whose end has not come yet. */
interface OpenHeaders {
  readonly streamId: number;
  readonly isLast: boolean;
  readonly parts: Buffer[];
  byteLength: number;
}

/**
 * States:
 *
 * - `open`: from the start. Frames are queued, and written when this turn of the event loop ends.
 * - `leaving`: by {@link leave}, GOAWAY, or because there are no more numbers for streams: what is under way
 *   goes on, and with the last of it the session closes.
 * - `closed`: by {@link destroy}, the end of the connection, or what a peer may not do.
 */
export class Http2Session {
  readonly #socket: Duplex;
  readonly #writer: FrameWriter;
  readonly #bodies: BodySender;
  readonly #events: SessionEvents;
  readonly #frames = new FrameReader((type, flags, streamId, payload) =>
    this.#onFrame(type, flags, streamId, payload),
  );
  readonly #decoder = new HeaderDecoder();
  readonly #streams = new Map<number, Http2Stream>();
  readonly #lastStreamId: number;
  #state: "open" | "leaving" | "closed" = "open";
  #nextStreamId = 1;
  #hasSettings = false;
  #openHeaders: OpenHeaders | undefined;
  #maxConcurrentStreams = Number.POSITIVE_INFINITY;
  #receiveWindowBytes = SESSION_WINDOW_BYTES;
  #closedBecause: Error = new Error("the connection was closed");

  /** @param lastStreamId the last number for streams; another one than the protocol's is for tests */
  constructor(socket: Duplex, events: SessionEvents, lastStreamId = LAST_STREAM_ID) {
    this.#socket = socket;
    this.#writer = new FrameWriter(socket);
    this.#bodies = new BodySender(this.#writer);
    this.#events = events;
    this.#lastStreamId = lastStreamId;
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
    socket.on("error", (error) => this.#close(error));
    socket.on("end", () => this.#close());
    socket.on("close", () => this.#close());
    this.#writer.write(PREFACE);
    this.#writer.write(
      settingsFrame([
        [Setting.EnablePush, 0],
        [Setting.InitialWindowSize, STREAM_WINDOW_BYTES],
      ]),
    );
    this.#writer.write(
      numberFrame(FrameType.WindowUpdate, 0, SESSION_WINDOW_BYTES - DEFAULT_WINDOW_BYTES),
    );
  }

  get isClosed(): boolean {
    return this.#state === "closed";
  }

  /**
   * Sends a request. What comes of it is told in a later tick.
   * @param block its headers
   * @throws an Error once the session is leaving or closed
   */
  request(block: Buffer, body: Buffer, receiver: StreamReceiver): Http2Stream {
    if (this.#state !== "open") throw this.#closedBecause;
    const id = this.#nextStreamId;
    this.#nextStreamId += 2;
    const stream = new Http2Stream(id, receiver, body, {
      send: this.#bodies.streamWindowBytes,
      receive: STREAM_WINDOW_BYTES,
    });
    this.#streams.set(id, stream);
    this.#writer.write(makeFrame(FrameType.Headers, FrameFlag.EndHeaders, id, block));
    this.#bodies.send(stream);
    if (this.#nextStreamId > this.#lastStreamId) this.#startLeaving();
    return stream;
  }

  /** Gives a stream up, unless it has ended; its receiver is told nothing any more. */
  reset(stream: Http2Stream): void {
    if (!this.#forget(stream)) return;
    this.#writer.write(numberFrame(FrameType.RstStream, stream.id, ErrorCode.Cancel));
    this.#endIfLeft();
  }

  /** So much of what a stream was sent is done with: its peer may send as much again. */
  consumed(stream: Http2Stream, byteLength: number): void {
    if (this.#streams.get(stream.id) !== stream) return;
    stream.creditBytes += byteLength;
    if (stream.creditBytes < STREAM_WINDOW_BYTES / 2) return;
    this.#writer.write(numberFrame(FrameType.WindowUpdate, stream.id, stream.creditBytes));
    stream.receiveWindowBytes += stream.creditBytes;
    stream.creditBytes = 0;
  }

  /** Closes it when its last stream has ended. */
  leave(): void {
    if (this.#state !== "open") return;
    this.#state = "leaving";
    this.#endIfLeft();
  }

  /** Closes it now; the streams under way break. */
  destroy(): void {
    this.#close();
  }

  #startLeaving(): void {
    if (this.#state !== "open") return;
    this.#state = "leaving";
    this.#events.onLeaving();
    this.#endIfLeft();
  }

  #endIfLeft(): void {
    if (this.#state === "leaving" && this.#streams.size === 0) this.#end(ErrorCode.NoError);
  }

  /** Says goodbye. What is queued goes out with it. */
  #end(code: ErrorCode): void {
    if (this.#state === "closed") return;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(code, 4);
    this.#writer.write(makeFrame(FrameType.Goaway, 0, 0, payload));
    this.#writer.flush();
    const destroy = (): void => void this.#socket.destroy();
    const timer = setTimeout(destroy, LAST_WORDS_MS);
    this.#socket.once("close", () => clearTimeout(timer));
    this.#socket.end(destroy);
    this.#close();
  }

  #close(reason?: Error): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    if (reason !== undefined) this.#closedBecause = reason;
    this.#writer.close();
    if (!this.#socket.writableEnded) this.#socket.destroy();
    const streams = [...this.#streams.values()];
    this.#streams.clear();
    this.#bodies.clear();
    for (const { receiver } of streams) receiver.onBroken(this.#closedBecause);
    this.#events.onClosed(this.#closedBecause);
  }

  #read(chunk: Buffer): void {
    if (this.#state === "closed") return;
    try {
      this.#frames.read(chunk);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      this.#closedBecause = error;
      this.#end(error instanceof Http2Error ? error.code : ErrorCode.CompressionError);
    }
  }

  #onFrame(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (this.#state === "closed") return;
    if (!this.#hasSettings && type !== FrameType.Settings) {
      throw new Http2Error(ErrorCode.ProtocolError, "it does not speak HTTP/2");
    }
    const isContinuation = type === FrameType.Continuation;
    if (isContinuation !== (this.#openHeaders !== undefined)) {
      throw new Http2Error(ErrorCode.ProtocolError, "headers are interrupted");
    }
    switch (type) {
      case FrameType.Data:
        this.#onData(flags, streamId, payload);
        return;
      case FrameType.Headers:
        this.#onHeaders(flags, streamId, payload);
        return;
      case FrameType.Continuation:
        this.#onContinuation(flags, streamId, payload);
        return;
      case FrameType.RstStream:
        this.#onReset(streamId, payload);
        return;
      case FrameType.Settings:
        this.#onSettings(flags, payload);
        return;
      case FrameType.Ping:
        needBytes(payload, 8);
        if ((flags & FrameFlag.Ack) === 0) {
          this.#reply(makeFrame(FrameType.Ping, FrameFlag.Ack, 0, payload));
        }
        return;
      case FrameType.Goaway:
        this.#onGoaway(payload);
        return;
      case FrameType.WindowUpdate:
        this.#onWindowUpdate(streamId, payload);
        return;
      case FrameType.PushPromise:
        throw new Http2Error(ErrorCode.ProtocolError, "it pushes what nobody asked for");
    }
    // Priorities, and frames that nobody knows: they change nothing here.
  }

  #onData(flags: number, streamId: number, payload: Buffer): void {
    const length = payload.length;
    this.#receiveWindowBytes -= length;
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) stream.receiveWindowBytes -= length;
    if (this.#receiveWindowBytes < 0 || (stream?.receiveWindowBytes ?? 0) < 0) {
      throw new Http2Error(ErrorCode.FlowControlError, "it sends more than it may");
    }
    if (this.#receiveWindowBytes <= SESSION_WINDOW_BYTES / 2) {
      const credit = SESSION_WINDOW_BYTES - this.#receiveWindowBytes;
      this.#writer.write(numberFrame(FrameType.WindowUpdate, 0, credit));
      this.#receiveWindowBytes = SESSION_WINDOW_BYTES;
    }
    // A stream that was given up: the rest of its answer.
    if (stream === undefined) return;
    const isLast = (flags & FrameFlag.EndStream) !== 0;
    const data = withoutPadding(flags, payload);
    if (data.length < length) this.consumed(stream, length - data.length);
    if (isLast) this.#ended(stream);
    stream.receiver.onData(data, isLast);
  }

  #onHeaders(flags: number, streamId: number, payload: Buffer): void {
    let block = withoutPadding(flags, payload);
    if ((flags & FrameFlag.Priority) !== 0) block = block.subarray(5);
    const isLast = (flags & FrameFlag.EndStream) !== 0;
    if ((flags & FrameFlag.EndHeaders) !== 0) {
      this.#headersComplete(streamId, isLast, block);
    } else {
      this.#openHeaders = { streamId, isLast, parts: [block], byteLength: block.length };
    }
  }

  #onContinuation(flags: number, streamId: number, payload: Buffer): void {
    const open = this.#openHeaders;
    if (open === undefined || open.streamId !== streamId) {
      throw new Http2Error(ErrorCode.ProtocolError, "headers are interrupted");
    }
    open.parts.push(payload);
    open.byteLength += payload.length;
    if (open.byteLength > MAX_HEADER_BYTES || open.parts.length > MAX_CONTINUATIONS) {
      throw new Http2Error(ErrorCode.EnhanceYourCalm, "the headers are too long");
    }
    if ((flags & FrameFlag.EndHeaders) === 0) return;
    this.#openHeaders = undefined;
    this.#headersComplete(streamId, open.isLast, Buffer.concat(open.parts));
  }

  #headersComplete(streamId: number, isLast: boolean, block: Buffer): void {
    // Also of a stream that was given up: the table of fields goes on.
    const fields = this.#decoder.decode(block);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    if (isLast) this.#ended(stream);
    stream.receiver.onHeaders(fields, isLast);
  }

  #onReset(streamId: number, payload: Buffer): void {
    needBytes(payload, 4);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    this.#forget(stream);
    const code = payload.readUInt32BE(0);
    stream.receiver.onBroken(new Error(`it was reset with code ${code}`));
    this.#endIfLeft();
  }

  #onSettings(flags: number, payload: Buffer): void {
    if ((flags & FrameFlag.Ack) !== 0) return;
    if (payload.length % 6 !== 0) {
      throw new Http2Error(ErrorCode.FrameSizeError, "settings of an odd length");
    }
    for (let at = 0; at < payload.length; at += 6) {
      this.#set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    }
    this.#hasSettings = true;
    this.#reply(makeFrame(FrameType.Settings, FrameFlag.Ack, 0));
    this.#events.onSettings(this.#maxConcurrentStreams);
  }

  #set(id: number, value: number): void {
    if (id === Setting.MaxConcurrentStreams) this.#maxConcurrentStreams = value;
    else if (id === Setting.InitialWindowSize) {
      this.#bodies.resizeStreams(value, this.#streams.values());
    }
    // The longest payload is ours to choose below it: the other side has to take turns between streams as well.
  }

  #onGoaway(payload: Buffer): void {
    if (payload.length < 8) throw new Http2Error(ErrorCode.FrameSizeError, "a short goodbye");
    const lastStreamId = payload.readUInt32BE(0) & 0x7fff_ffff;
    const refused = [...this.#streams.values()].filter(({ id }) => id > lastStreamId);
    for (const stream of refused) this.#forget(stream);
    this.#startLeaving();
    for (const { receiver } of refused) receiver.onBroken(new Error("it takes no more calls"));
    this.#endIfLeft();
  }

  #onWindowUpdate(streamId: number, payload: Buffer): void {
    needBytes(payload, 4);
    const byteLength = payload.readUInt32BE(0) & 0x7fff_ffff;
    if (streamId === 0) this.#bodies.widen(byteLength);
    else {
      const stream = this.#streams.get(streamId);
      if (stream !== undefined) this.#bodies.widenStream(stream, byteLength);
    }
  }

  /** What the peer has asked for: it may not ask for more than it reads. */
  #reply(frame: Buffer): void {
    this.#writer.writeReply(frame);
    if (this.#writer.unreadReplyBytes > MAX_UNREAD_REPLY_BYTES) {
      throw new Http2Error(ErrorCode.EnhanceYourCalm, "it asks, and does not read the replies");
    }
  }

  /** Its answer is complete. What has not been sent of the request nobody wants any more. */
  #ended(stream: Http2Stream): void {
    this.#forget(stream);
    if (stream.unsent !== undefined) {
      this.#writer.write(numberFrame(FrameType.RstStream, stream.id, ErrorCode.Cancel));
    }
    // Whoever hears of the end may have something to say before.
    if (this.#state === "leaving" && this.#streams.size === 0) {
      queueMicrotask(() => this.#endIfLeft());
    }
  }

  /** Answers whether it was there. */
  #forget(stream: Http2Stream): boolean {
    this.#bodies.forget(stream);
    return this.#streams.delete(stream.id);
  }
}

function needBytes(payload: Buffer, byteLength: number): void {
  if (payload.length !== byteLength) {
    throw new Http2Error(ErrorCode.FrameSizeError, "a frame of an odd length");
  }
}

function withoutPadding(flags: number, payload: Buffer): Buffer {
  if ((flags & FrameFlag.Padded) === 0) return payload;
  const padding = payload[0] ?? 0;
  if (padding >= payload.length) {
    throw new Http2Error(ErrorCode.ProtocolError, "a frame is padding only");
  }
  return payload.subarray(1, payload.length - padding);
}
