import type { ByteMeter } from "../watch/index.ts";
import type { ClientHandshakeResult, ClientTlsOptions } from "./client-tls.ts";
import type { HandshakeResult, ServerTlsOptions } from "./server-tls.ts";

/**
 * One end of a byte stream, as everything outside net/ sees it.
 *
 * A Connection hides how the bytes move (a Bun socket, TLS over it, a pair in memory). It promises:
 *
 * - `write` takes any amount and never blocks; what is written in one tick leaves in one system call.
 * - If the other side reads too slowly, `onStall` is called once, and `onDrain` once all is sent.
 * - `onEnd` comes at most once, when the other side has sent its last byte; writing is still possible.
 * - `onClose` comes exactly once, whatever happened; nothing is called after it.
 * - After `close` or `terminate` the handler hears only `onClose`.
 */
export interface Connection {
  /** `127.0.0.1:15432`, `[::1]:15432`, or the path of a unix socket; empty for its clients' end. */
  localAddress: string;
  /** Address of the other side, likewise; the true one under the PROXY protocol. */
  remoteAddress: string;
  /** False once closed; `close` and `terminate` make it false as soon as the socket is gone. */
  readonly isOpen: boolean;
  /** Bytes written that the kernel has not taken yet. */
  readonly backlogBytes: number;
  /** Counts what is read and written; undefined: nobody does. */
  meter?: ByteMeter | undefined;
  /** Told when it is over, after the handler; undefined: nobody is. */
  onceClosed?: ((error: Error | undefined) => void) | undefined;
  /** Who hears of events. Replaceable at any time, e.g. when a pool hands over a backend. */
  handler: ConnectionHandler;

  /** Sends bytes, which the connection owns from then on: they must not be changed afterwards. */
  write(bytes: Uint8Array): void;
  /**
   * The same, without waiting for the end of the tick when nothing is queued. For a relay, which
   * writes once for each read: there is nothing to join, and the waiting costs a tenth of its time.
   * A part of the bytes, from `from` to before `to`, needs no view of its own, which is most of the cost
   * of a small piece.
   */
  writeThrough(bytes: Uint8Array, from?: number, to?: number): void;
  /** Sends what was written in this tick now, before what there is to do next. */
  flush(): void;
  /** Stops reading. While paused the end of the stream is not seen either; a reset is. */
  pause(): void;
  resume(): void;
  /** Half-close: sends what is queued, then the end of the stream. Reading goes on. */
  shutdown(): void;
  /**
   * Graceful close: everything written is delivered, then the end of the stream, however slowly the
   * peer reads; whatever still arrives is discarded. Only a peer that makes no room for what is queued
   * here for `CLOSE_STALL_MS` is cut off. Once all is with the kernel, the peer has `CLOSE_LINGER_MS`
   * to finish: then we let go, and the kernel delivers what it still holds.
   */
  close(): void;
  /**
   * As `close`, of a peer that has said that it sends nothing more, by a Terminate message or the end of its
   * stream: it is not waited for once all is with the kernel. That saves a third of what closing costs.
   */
  leave(): void;
  /** Closes at once; unsent bytes are lost. */
  terminate(): void;
  /**
   * Becomes the server of a TLS connection: to be called when the next byte to come is the client's
   * ClientHello. After a failed handshake the connection closes itself.
   */
  startTls(options: ServerTlsOptions, done: (result: HandshakeResult) => void): void;
  /**
   * Becomes the client of a TLS connection: to be called when the server waits for a ClientHello, from
   * within the handler that heard so. After a failed handshake the connection closes itself.
   */
  startTlsAsClient(options: ClientTlsOptions, done: (result: ClientHandshakeResult) => void): void;
}

/**
 * Hears what happens on a {@link Connection}. Throwing from one of these closes the connection. Each is
 * told which connection it is, so that one handler can hear several.
 */
export interface ConnectionHandler {
  /** Bytes arrived. They are the handler's to keep. */
  onData(bytes: Uint8Array, connection: Connection): void;
  /** The kernel took only a part of what was written: stop producing. */
  onStall(connection: Connection): void;
  /** Everything written was taken. */
  onDrain(connection: Connection): void;
  /** The other side sent its last byte. */
  onEnd(connection: Connection): void;
  /** It is over. `error` tells why if it was not an ordinary close. */
  onClose(error: Error | undefined, connection: Connection): void;
}

/** How long `close` waits for the other side to finish, once the kernel has taken everything. */
export const CLOSE_LINGER_MS = 5_000;

/**
 * How long a peer may take nothing of what a closing connection has queued. Much longer, because the
 * kernel tells of room only when a good part of its buffer, several MiB, is free again: a slow line
 * may need that long, and a program that reads nothing for a while may still be at work on a row.
 */
export const CLOSE_STALL_MS = 60_000;

/** Hears nothing: for connections that are being closed. */
export const ignoringHandler: ConnectionHandler = {
  onData() {},
  onStall() {},
  onDrain() {},
  onEnd() {},
  onClose() {},
};
