/**
 * TLS that a client starts without asking (PostgreSQL 17's `sslnegotiation=direct`). The plain
 * socket has read the ClientHello by then, and Bun cannot hand it to `upgradeTLS`: node's TLS runs
 * over a stream made of the connection instead. Slower, and only for clients who ask for it.
 */
import { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { GatewayError } from "../errors.ts";
import { CLOSE_LINGER_MS, ignoringHandler } from "./connection.ts";
import type { Connection, ConnectionHandler } from "./connection.ts";
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
  localAddress: string;
  remoteAddress: string;
  readonly #raw: Connection;
  readonly #secure: TLSSocket;
  #state: "open" | "closing" | "closed" = "open";
  #isStalled = false;
  #error: Error | undefined;
  #done: ((result: HandshakeResult) => void) | undefined;
  #linger: Timer | undefined;

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
    const wire = wireOf(raw);
    this.#secure = new TLSSocket(wire, {
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
    wire.push(received);
  }

  get isOpen(): boolean {
    return this.#state !== "closed";
  }

  get backlogBytes(): number {
    return this.#secure.writableLength;
  }

  write(bytes: Uint8Array): void {
    if (this.#state !== "open" || this.#secure.writableEnded) return;
    if (this.#secure.write(bytes) || this.#isStalled) return;
    this.#isStalled = true;
    this.#guard((handler) => handler.onStall());
  }

  writeThrough(bytes: Uint8Array): void {
    this.write(bytes);
  }

  pause(): void {
    this.#secure.pause();
  }

  resume(): void {
    this.#secure.resume();
  }

  startTls(): never {
    throw new Error("TLS inside TLS");
  }

  shutdown(): void {
    this.#secure.end();
  }

  close(): void {
    if (this.#state !== "open") return;
    this.#state = "closing";
    this.#secure.resume();
    this.#linger = setTimeout(() => this.terminate(), CLOSE_LINGER_MS);
    this.#secure.end();
  }

  terminate(): void {
    if (this.#state === "closed") return;
    this.#secure.destroy();
    this.#raw.terminate();
    this.#closed();
  }

  #listen(options: ServerTlsOptions): void {
    const secure = this.#secure;
    secure.on("secure", () => this.#handshaken(options));
    secure.on("data", (bytes: Uint8Array) => {
      this.#guard((handler) => handler.onData(bytes));
    });
    secure.on("drain", () => {
      this.#isStalled = false;
      this.#guard((handler) => handler.onDrain());
    });
    secure.on("end", () => this.#guard((handler) => handler.onEnd()));
    secure.on("error", (error) => {
      this.#error ??= error;
      this.terminate();
    });
    secure.on("close", () => this.terminate());
  }

  /** Calls the handler; what it throws closes this connection and nothing else. */
  #guard(call: (handler: ConnectionHandler) => void): void {
    if (this.#state !== "open") return;
    try {
      call(this.handler);
    } catch (thrown) {
      this.#error ??= GatewayError.from(thrown);
      this.terminate();
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

  #closed(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    clearTimeout(this.#linger);
    const { handler } = this;
    this.handler = ignoringHandler;
    const done = this.#done;
    this.#done = undefined;
    done?.({ kind: "failed", error: this.#error ?? new Error("closed during the TLS handshake") });
    handler.onClose(this.#error);
  }
}

/** The encrypted side as a node stream. */
function wireOf(raw: Connection): Duplex {
  let isStalled = false;
  let whenDrained: (() => void) | undefined;
  const wire = new Duplex({
    allowHalfOpen: true,
    read: () => raw.resume(),
    write: (chunk: Uint8Array, _encoding, taken) => {
      raw.write(chunk);
      if (isStalled) whenDrained = taken;
      else taken();
    },
    final: (taken) => {
      raw.shutdown();
      taken();
    },
  });
  raw.handler = {
    onData: (bytes) => {
      if (!wire.push(bytes)) raw.pause();
    },
    onStall: () => {
      isStalled = true;
    },
    onDrain: () => {
      isStalled = false;
      const drained = whenDrained;
      whenDrained = undefined;
      drained?.();
    },
    onEnd: () => wire.push(null),
    onClose: (error) => wire.destroy(error),
  };
  return wire;
}
