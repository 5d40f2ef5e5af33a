/**
 * A {@link Connection} over a Bun socket, and the one place where Bun's socket hazards are handled:
 *
 * - `write` may take a part or nothing: the rest is queued here and sent on `drain`;
 * - `end()` and `close()` are close(2), which loses what is under way when the other side still sends:
 *   we `shutdown()`, wait for the other side, and `close()` when it takes too long;
 * - `end` is not reported after our own `shutdown()`: only `close` is;
 * - a throw inside a handler leaves the socket open: every handler is guarded, and closes it;
 * - a write to a peer that is gone takes the error with it: a paused socket would never hear of the
 *   close, so it is read from again;
 * - after a TLS upgrade the raw socket goes on delivering ciphertext: events of a socket that is not
 *   the current one are ignored.
 */
import type { Socket, SocketHandler, TLSOptions } from "bun";
import { GatewayError } from "../errors.ts";
import { formatHostPort } from "./address.ts";
import type { ByteMeter } from "../watch/index.ts";
import type { Arrivals } from "./arrivals.ts";
import { bunClientTlsOptions, faultOfServer } from "./client-tls.ts";
import type { ClientHandshakeResult, ClientTlsOptions } from "./client-tls.ts";
import { CLOSE_LINGER_MS, CLOSE_STALL_MS, ignoringHandler } from "./connection.ts";
import type { Connection, ConnectionHandler } from "./connection.ts";
import { partOf } from "./part-of.ts";
import { reasonOf } from "../libc/index.ts";
import { bunTlsOptions, namesOf } from "./server-tls.ts";
import type { HandshakeResult, ServerTlsOptions } from "./server-tls.ts";
import type { Deadline, TimerWheel } from "./timer-wheel.ts";

declare module "bun" {
  // Not in Bun's types; works in 1.4.5.
  interface Socket<Data> {
    /**
     * Closes the descriptor at once; the kernel delivers what it holds. Unlike `end`, does so over TLS
     * to a peer that does not read, too.
     */
    close(): void;
    /** The descriptor; -1 when it is closed. */
    readonly fd: number;
  }
}

/** A Bun socket that carries its connection, once it is open. */
export type BunSocket = Socket<SocketConnection | undefined>;

/** The state of a connection: open -> (closing ->) closed. `closing` hears nothing but the end. */
type State = "open" | "closing" | "closed";

/** How a handshake that is under way ends. */
interface Handshake {
  /** Why it has failed after all; undefined if it has not. */
  readonly faultOf: (
    socket: BunSocket,
    isSuccess: boolean,
    error: Error | null,
  ) => Error | undefined;
  readonly done: (socket: BunSocket) => void;
  readonly failed: (error: Error) => void;
}

/** Small writes of one tick are joined into one system call up to this size. */
const JOIN_BYTES = 64 * 1024;

/**
 * A peer that lets more than this pile up, although its source was told to stop, is cut off. The
 * largest piece does not count: a message may be larger, and nobody can stop in the middle of it.
 */
const MAX_BACKLOG_BYTES = 256 * 1024 * 1024;

export class SocketConnection implements Connection {
  // First what each piece of data needs, side by side in memory.
  handler: ConnectionHandler = ignoringHandler;
  meter: ByteMeter | undefined;
  onceClosed: ((error: Error | undefined) => void) | undefined;
  #socket: BunSocket;
  #state: State = "open";
  #backlogBytes = 0;
  /** Nothing more will be written; the end of the stream follows the queue. */
  #isShutDown = false;
  /** A write failed: the peer is gone, and Bun tells so only while it reads. */
  #isBroken = false;
  /** Written in this tick, not offered to the kernel yet; or refused by it. Oldest first. */
  #queue: Uint8Array[] = [];
  readonly #timers: TimerWheel;
  /** Asked of the kernel when first wanted: most connections come and go without. */
  #localAddress: string | undefined;
  #remoteAddress: string | undefined;
  /** The kernel refused a part: wait for `drain` instead of trying again. */
  #isStalled = false;
  /** The handler knows of the stall; each `drain` may only make some room. */
  #isStallReported = false;
  #isFlushScheduled = false;
  #isPaused = false;
  #isEncrypted = false;
  #linger: Deadline | undefined;
  #error: Error | undefined;
  /** Accepted, and has not stayed for long yet. */
  arrivals: Arrivals | undefined;
  /** The one under way. */
  #handshake: Handshake | undefined;

  constructor(socket: BunSocket, timers: TimerWheel) {
    this.#socket = socket;
    this.#timers = timers;
  }

  get localAddress(): string {
    this.#localAddress ??= describeEnd(this.#socket.localAddress, this.#socket.localPort);
    return this.#localAddress;
  }

  set localAddress(address: string) {
    this.#localAddress = address;
  }

  get remoteAddress(): string {
    this.#remoteAddress ??= describeEnd(this.#socket.remoteAddress, this.#socket.remotePort);
    return this.#remoteAddress;
  }

  set remoteAddress(address: string) {
    this.#remoteAddress = address;
  }

  /** For what the kernel alone knows. */
  get descriptor(): number {
    return this.#socket.fd;
  }

  get isOpen(): boolean {
    return this.#state !== "closed";
  }

  get backlogBytes(): number {
    return this.#backlogBytes;
  }

  /** The backlog without its largest piece. */
  get #piledBytes(): number {
    let largest = 0;
    for (const { length } of this.#queue) largest = Math.max(largest, length);
    return this.#backlogBytes - largest;
  }

  write(bytes: Uint8Array): void {
    if (this.#state !== "open" || this.#isShutDown || bytes.length === 0) return;
    if (this.meter !== undefined) this.meter.wrote(bytes.length);
    this.#enqueue(bytes);
  }

  #enqueue(bytes: Uint8Array): void {
    this.#queue.push(bytes);
    this.#backlogBytes += bytes.length;
    if (this.#backlogBytes > MAX_BACKLOG_BYTES && this.#piledBytes > MAX_BACKLOG_BYTES) {
      this.#fail(new GatewayError("ERR_INTERNAL", "the write queue of a connection overflowed"));
    } else if (!this.#isFlushScheduled && !this.#isStalled) {
      this.#isFlushScheduled = true;
      scheduleFlush(this);
    }
  }

  writeThrough(bytes: Uint8Array, from = 0, to = bytes.length): void {
    if (this.#backlogBytes > 0 || this.#state !== "open" || this.#isShutDown || this.#isBroken) {
      this.write(partOf(bytes, from, to));
      return;
    }
    if (this.meter !== undefined) this.meter.wrote(to - from);
    const taken = this.#socket.write(bytes, from, to - from);
    if (taken === to - from) return;
    // What the kernel did not take is offered once more by the flush, which then knows what it means.
    this.#enqueue(partOf(bytes, taken > 0 ? from + taken : from, to));
  }

  pause(): void {
    if (this.#isPaused || this.#isBroken || this.#state !== "open") return;
    this.#isPaused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#isPaused || this.#state === "closed") return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  shutdown(): void {
    if (this.#state === "closed" || this.#isShutDown) return;
    this.#isShutDown = true;
    this.flush();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.flush();
    if (this.#state !== "open") return;
    this.#state = "closing";
    // A paused TLS socket would never see the end of the stream (Bun pull request 42352).
    this.resume();
    this.#linger = this.#timers.deadline(() => this.#lingered());
    this.#armLinger();
    this.shutdown();
  }

  leave(): void {
    this.flush();
    // Over TLS the peer is to hear that this is the end.
    if (this.#state !== "open" || this.#backlogBytes > 0 || this.#isEncrypted) {
      this.close();
      return;
    }
    this.#socket.close();
    this.#closed();
  }

  terminate(): void {
    if (this.#state === "closed") return;
    this.#socket.terminate();
    // Bun reports `close` on a later tick, or not at all for a socket whose upgrade failed.
    this.#closed();
  }

  /** The kernel asks the peer for a sign of life after so much silence. */
  keepAlive(silenceMs: number): void {
    if (this.isOpen) this.#socket.setKeepAlive(true, silenceMs);
  }

  /** Offers everything queued to the kernel now. */
  flush(): void {
    this.#isFlushScheduled = false;
    if (this.#state === "closed" || this.#isStalled) return;
    if (this.#queue.length > 1 && this.#backlogBytes <= JOIN_BYTES) {
      this.#queue = [Buffer.concat(this.#queue, this.#backlogBytes)];
    }
    const queue = this.#queue;
    let sent = 0;
    for (let chunk = queue[0]; chunk !== undefined; chunk = queue[++sent]) {
      const taken = this.#socket.write(chunk);
      if (taken < 0) {
        this.#isBroken = true;
        this.resume();
        return;
      }
      this.#backlogBytes -= taken;
      if (taken < chunk.length) {
        queue[sent] = chunk.subarray(taken);
        this.#isStalled = true;
        break;
      }
    }
    if (sent === queue.length) queue.length = 0;
    else if (sent > 0) queue.splice(0, sent);
    if (!this.#isStalled) {
      if (this.#isShutDown) this.#socket.shutdown();
    } else if (!this.#isStallReported) {
      this.#isStallReported = true;
      this.#guard(onStall);
    }
  }

  startTls(options: ServerTlsOptions, done: (result: HandshakeResult) => void): void {
    const wantsCertificate = options.clientCa !== undefined;
    this.#upgrade(bunTlsOptions(options), {
      // Bun reports a certificate it refuses as a success with an error; without a request for one,
      // the error means nothing.
      faultOf: (_, isSuccess, error) =>
        !isSuccess || (wantsCertificate && error !== null)
          ? (error ?? new Error("the TLS handshake failed"))
          : undefined,
      done: (socket) =>
        done({ kind: "done", peer: { names: namesOf(socket.getPeerCertificate()) } }),
      failed: (error) => done({ kind: "failed", error }),
    });
  }

  startTlsAsClient(options: ClientTlsOptions, done: (result: ClientHandshakeResult) => void): void {
    const handshake: Handshake = {
      faultOf: (socket, isSuccess, error) =>
        faultOfServer(options, isSuccess, error, socket.getPeerCertificate()?.raw),
      done: (socket) => {
        const certificate = socket.getPeerCertificate();
        const server = { certificate: certificate.raw, names: namesOf(certificate) };
        done({ kind: "done", server });
      },
      failed: (error) => done({ kind: "failed", error }),
    };
    try {
      this.#upgrade(bunClientTlsOptions(options), handshake);
    } catch (thrown) {
      // Closing reports it to the handshake.
      this.#fail(new Error(`our certificates cannot be used: ${reasonOf(thrown)}`));
    }
  }

  /** @throws for certificates that cannot be used */
  #upgrade(tls: TLSOptions, handshake: Handshake): void {
    this.flush();
    this.#handshake = handshake;
    const [, encrypted] = this.#socket.upgradeTLS<SocketConnection | undefined>({
      data: this,
      tls,
      socket: socketEvents,
    });
    this.#socket = encrypted;
    this.#isEncrypted = true;
  }

  /** While closing: from each time that the peer took something. */
  #armLinger(): void {
    this.#linger?.set(this.#backlogBytes > 0 ? CLOSE_STALL_MS : CLOSE_LINGER_MS);
  }

  #lingered(): void {
    if (this.#backlogBytes > 0) {
      this.terminate();
      return;
    }
    // The kernel delivers the rest, as it does for a server that has exited.
    this.#socket.close();
    this.#closed();
  }

  /** Closes with an error of our own. */
  #fail(error: Error): void {
    this.#error ??= error;
    this.terminate();
  }

  /** Calls the handler; what it throws closes this connection and nothing else. */
  #guard(call: (handler: ConnectionHandler, connection: Connection) => void): void {
    if (this.#state !== "open") return;
    try {
      call(this.handler, this);
    } catch (thrown) {
      this.#fail(GatewayError.from(thrown));
    }
  }

  #closed(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.arrivals?.remove(this);
    this.arrivals = undefined;
    this.#linger?.dispose();
    this.#linger = undefined;
    this.#queue = [];
    this.#backlogBytes = 0;
    const handler = this.handler;
    const handshake = this.#handshake;
    this.handler = ignoringHandler;
    this.#handshake = undefined;
    handshake?.failed(this.#error ?? new Error("closed during the TLS handshake"));
    handler.onClose(this.#error, this);
    this.onceClosed?.(this.#error);
  }

  /** Events of the socket. Only {@link socketEvents} calls these. */
  socketData(socket: BunSocket, bytes: Uint8Array): void {
    if (socket !== this.#socket || this.#state !== "open") return;
    if (this.meter !== undefined) this.meter.read(bytes.length);
    try {
      this.handler.onData(bytes, this);
    } catch (thrown) {
      this.#fail(GatewayError.from(thrown));
    }
  }

  socketDrained(socket: BunSocket): void {
    if (socket !== this.#socket || !this.#isStalled) return;
    this.#isStalled = false;
    this.flush();
    this.#armLinger();
    if (this.#isStalled) return;
    this.#isStallReported = false;
    this.#guard(onDrain);
  }

  socketEnded(socket: BunSocket): void {
    if (socket === this.#socket) this.#guard(onEnd);
  }

  socketClosed(socket: BunSocket, error: Error | undefined): void {
    if (socket !== this.#socket) return;
    this.#error ??= error;
    this.#closed();
  }

  socketHandshaken(socket: BunSocket, isSuccess: boolean, error: Error | null): void {
    const handshake = this.#handshake;
    if (socket !== this.#socket || handshake === undefined) return;
    this.#handshake = undefined;
    const fault = handshake.faultOf(socket, isSuccess, error);
    if (fault === undefined) {
      this.#guard(() => handshake.done(socket));
      return;
    }
    handshake.failed(fault);
    this.terminate();
  }
}

const onStall = (handler: ConnectionHandler, connection: Connection) => handler.onStall(connection);
const onDrain = (handler: ConnectionHandler, connection: Connection) => handler.onDrain(connection);
const onEnd = (handler: ConnectionHandler, connection: Connection) => handler.onEnd(connection);

/** One set of handlers for every socket; each finds its connection in `socket.data`. */
export const socketEvents: SocketHandler<SocketConnection | undefined> = {
  data: (socket, bytes) => socket.data?.socketData(socket, bytes),
  drain: (socket) => socket.data?.socketDrained(socket),
  end: (socket) => socket.data?.socketEnded(socket),
  close: (socket, error) => socket.data?.socketClosed(socket, error),
  error: (socket, error) => socket.data?.socketClosed(socket, error),
  timeout: () => {},
  handshake: (socket, isSuccess, error) => socket.data?.socketHandshaken(socket, isSuccess, error),
};

/** Connections with something to send when the current tick ends. */
let unflushed: SocketConnection[] = [];

function scheduleFlush(connection: SocketConnection): void {
  if (unflushed.push(connection) === 1) queueMicrotask(flushAll);
}

function flushAll(): void {
  const connections = unflushed;
  unflushed = [];
  for (const connection of connections) connection.flush();
}

/** What Bun says of one end of a socket: a path for unix sockets, nothing for their clients. */
function describeEnd(address: string | undefined, port: number | undefined): string {
  if (address === undefined || address === "") return "";
  return port === undefined || address.startsWith("/") ? address : formatHostPort(address, port);
}
