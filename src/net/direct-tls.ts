/**
 * TLS that a client starts without asking (PostgreSQL 17's `sslnegotiation=direct`). The plain
 * socket has read the ClientHello by then, and Bun cannot hand it to `upgradeTLS`: node's TLS runs
 * over a stream made of the connection instead. Slower, and only for clients who ask for it. Bun
 * answers the client's last byte with our own: such a client cannot close by halves.
 */
import { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { GatewayError } from "../errors.ts";
import type { ByteMeter } from "../watch/index.ts";
import { ignoringHandler } from "./connection.ts";
import type { Connection, ConnectionHandler } from "./connection.ts";
import { partOf } from "./part-of.ts";
import { ALPN_POSTGRESQL, namesOf } from "./server-tls.ts";
import type { HandshakeResult, ServerTlsOptions } from "./server-tls.ts";

/**
 * Takes over `raw`, and answers the connection inside it, usable once `done` was called. A client
 * that does not name PostgreSQL by ALPN is refused, as PostgreSQL does.
 * @param received what `raw` has read already, beginning with the ClientHello
 */
export function acceptDirectTls(
  raw: Connection,
  received: Uint8Array,
  options: ServerTlsOptions,
  done: (result: HandshakeResult) => void,
): Connection {
  return new DirectTlsConnection(raw, received, options, done);
}

class DirectTlsConnection implements Connection {
  handler: ConnectionHandler = ignoringHandler;
  meter: ByteMeter | undefined;
  localAddress: string;
  remoteAddress: string;
  readonly #raw: Connection;
  /** What the TLSSocket runs over: `raw` as a node stream. */
  readonly #wire: Duplex;
  readonly #secure: TLSSocket;
  /** `closing`: what was written goes out, and what comes is discarded. */
  #state: "open" | "closing" | "closed" = "open";
  #isEndSent = false;
  #error: Error | undefined;
  /** Until the handshake has ended. */
  #done: ((result: HandshakeResult) => void) | undefined;

  constructor(
    raw: Connection,
    received: Uint8Array,
    options: ServerTlsOptions,
    done: (result: HandshakeResult) => void,
  ) {
    this.#raw = raw;
    this.localAddress = raw.localAddress;
    this.remoteAddress = raw.remoteAddress;
    this.#done = done;
    this.#wire = this.#joinWire();
    this.#secure = new TLSSocket(this.#wire, {
      isServer: true,
      cert: options.cert,
      key: options.key,
      minVersion: `TLSv${options.minVersion}`,
      ALPNProtocols: [ALPN_POSTGRESQL],
      requestCert: options.clientCa !== undefined,
      rejectUnauthorized: options.clientCa !== undefined,
      ...(options.clientCa !== undefined && { ca: options.clientCa }),
    });
    this.#listen(options);
    this.#wire.push(received);
  }

  get isOpen(): boolean {
    return this.#state !== "closed";
  }

  get backlogBytes(): number {
    return this.#state === "closed" ? 0 : this.#secure.writableLength + this.#raw.backlogBytes;
  }

  write(bytes: Uint8Array): void {
    if (this.#state !== "open" || this.#secure.writableEnded || bytes.length === 0) return;
    if (this.meter !== undefined) this.meter.wrote(bytes.length);
    // All the records of one write leave as one.
    this.#wire.cork();
    this.#secure.write(bytes);
    this.#wire.uncork();
  }

  writeThrough(bytes: Uint8Array, from = 0, to = bytes.length): void {
    this.write(partOf(bytes, from, to));
  }

  pause(): void {
    // Both: Bun decrypts whatever comes, and a paused TLSSocket keeps all of it.
    this.#raw.pause();
    this.#secure.pause();
  }

  resume(): void {
    this.#raw.resume();
    this.#secure.resume();
  }

  startTls(): never {
    throw new Error("TLS inside TLS");
  }

  startTlsAsClient(): never {
    return this.startTls();
  }

  shutdown(): void {
    if (this.#state === "open") this.#secure.end();
  }

  flush(): void {}

  leave(): void {
    this.close();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#secure.resume();
    if (this.#done !== undefined || this.#isEndSent) this.#raw.close();
    else this.#secure.end();
  }

  terminate(): void {
    // Its close is ours, too.
    this.#raw.terminate();
  }

  /**
   * The encrypted side as a node stream. It takes all it is given, because Bun's TLSSocket goes on
   * whatever its stream says: the only queue is that of the connection below, which tells of it.
   */
  #joinWire(): Duplex {
    const raw = this.#raw;
    const wire = new Duplex({
      allowHalfOpen: true,
      read() {},
      write(ciphertext: Uint8Array, _encoding, taken) {
        raw.write(ciphertext);
        taken();
      },
      writev(records: readonly { readonly chunk: Uint8Array }[], taken) {
        raw.write(Buffer.concat(records.map(({ chunk }) => chunk)));
        taken();
      },
      final: (taken) => {
        this.#isEndSent = true;
        if (this.#state === "closing") raw.close();
        else raw.shutdown();
        taken();
      },
    });
    wire.on("error", () => {});
    raw.handler = {
      onData: (bytes) => void wire.push(bytes),
      onStall: () => this.#guard((handler) => handler.onStall(this)),
      onDrain: () => this.#guard((handler) => handler.onDrain(this)),
      onEnd: () => void wire.push(null),
      onClose: (error) => this.#closed(error),
    };
    return wire;
  }

  #listen(options: ServerTlsOptions): void {
    const secure = this.#secure;
    secure.on("secure", () => this.#handshaken(options));
    secure.on("data", (bytes: Uint8Array) => {
      if (this.meter !== undefined) this.meter.read(bytes.length);
      this.#guard((handler) => handler.onData(bytes, this));
    });
    secure.on("end", () => this.#guard((handler) => handler.onEnd(this)));
    secure.on("error", (error) => this.#fail(error));
    // Both sides have said their last byte; ours may still be on its way.
    secure.on("close", () => this.#raw.close());
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.terminate();
  }

  /** Calls the handler; what it throws closes this connection and nothing else. */
  #guard(call: (handler: ConnectionHandler) => void): void {
    if (this.#state !== "open") return;
    try {
      call(this.handler);
    } catch (thrown) {
      this.#fail(GatewayError.from(thrown));
    }
  }

  #handshaken(options: ServerTlsOptions): void {
    const done = this.#done;
    this.#done = undefined;
    const { alpnProtocol, authorized, authorizationError } = this.#secure;
    if (alpnProtocol !== ALPN_POSTGRESQL) {
      done?.({ kind: "failed", error: new Error("direct TLS without ALPN for postgresql") });
      this.terminate();
    } else if (options.clientCa !== undefined && !authorized) {
      done?.({ kind: "failed", error: new Error(`client certificate: ${authorizationError}`) });
      this.terminate();
    } else {
      done?.({ kind: "done", peer: { names: namesOf(this.#secure.getPeerCertificate()) } });
    }
  }

  /** The connection below is closed. */
  #closed(error: Error | undefined): void {
    this.#state = "closed";
    this.#error ??= error;
    this.#secure.destroy();
    const { handler } = this;
    this.handler = ignoringHandler;
    const done = this.#done;
    this.#done = undefined;
    done?.({ kind: "failed", error: this.#error ?? new Error("closed during the TLS handshake") });
    handler.onClose(this.#error, this);
  }
}
