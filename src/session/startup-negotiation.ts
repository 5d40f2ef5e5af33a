/**
 * Finds out what a new PostgreSQL connection is for: PROXY header, encryption, then a StartupMessage
 * or a CancelRequest.
 *
 *   proxyHeader  the load balancer's header must come first         (proxyProtocol only)
 *   held         what comes is kept, until the session wants to know
 *   packets      startup packets are read
 *   handshake    TLS is negotiated; back to packets
 *   done         the session has the answer; what comes is kept for it
 *   stopped      the session ends: nothing more is read, kept or reported
 */
import { GatewayError } from "../errors.ts";
import { acceptDirectTls, readProxyHeader } from "../net/index.ts";
import type { Connection, HandshakeResult, TlsPeer } from "../net/index.ts";
import { ENCRYPTION_REFUSED, SSL_ACCEPTED } from "../postgres/index.ts";
import type { SessionContext } from "./session-context.ts";
import { StartupBuffer } from "./startup-buffer.ts";

/** What a connection turned out to be. */
export type StartupRequest =
  | { readonly kind: "startup"; readonly message: Uint8Array; readonly peer: TlsPeer | undefined }
  | { readonly kind: "cancel"; readonly key: Uint8Array };

/** The session around a negotiation. */
export interface NegotiationPort {
  /** The PROXY header is read, or absent where it may be. */
  proxied(): void;
  /** An SSLRequest came, about to be answered. */
  sslRequested(packet: Uint8Array): void;
  handshakeBegan(): void;
  /** After a failed one the connection closes by itself. */
  handshakeEnded(error: Error | undefined): void;
  /** Direct TLS: from now on the client is heard and spoken to through another connection. */
  clientReplaced(client: Connection): void;
  requested(request: StartupRequest): void;
  /** The bytes are no startup. */
  violated(error: GatewayError): void;
}

export class StartupNegotiation {
  readonly buffer = new StartupBuffer();
  readonly #context: SessionContext;
  readonly #port: NegotiationPort;
  #client: Connection;
  #phase: "proxyHeader" | "held" | "packets" | "handshake" | "done" | "stopped";
  #peer: TlsPeer | undefined;

  constructor(client: Connection, context: SessionContext, port: NegotiationPort) {
    this.#client = client;
    this.#context = context;
    this.#port = port;
    this.#phase = context.proxyProtocol === "off" ? "held" : "proxyHeader";
  }

  /** Nobody has asked for the packets yet, or they have been read: bytes only pile up. */
  get isHolding(): boolean {
    return this.#phase === "held" || this.#phase === "done";
  }

  push(bytes: Uint8Array): void {
    if (this.#phase === "stopped") return;
    this.buffer.push(bytes);
    this.#read();
  }

  /** The session wants to know what the connection is for. */
  begin(): void {
    this.#phase = "packets";
    if (this.buffer.byteLength > 0) this.#read();
  }

  /** The session needs to know no more. */
  stop(): void {
    this.#phase = "stopped";
  }

  #read(): void {
    try {
      if (this.#phase === "proxyHeader") this.#readProxyHeader();
      while (this.#phase === "packets" && this.#readPacket());
    } catch (thrown) {
      this.#phase = "done";
      this.#port.violated(GatewayError.from(thrown));
    }
  }

  #readProxyHeader(): void {
    const header = readProxyHeader(this.buffer.bytes);
    if (header.kind === "incomplete") return;
    if (header.kind === "absent" && this.#context.proxyProtocol === "required") {
      throw new GatewayError("ERR_PROXY_PROTOCOL", "a connection came without a PROXY header");
    }
    if (header.kind === "present") {
      this.buffer.take(header.byteLength);
      if (header.source !== undefined) this.#client.remoteAddress = header.source;
    }
    this.#phase = "held";
    this.#port.proxied();
  }

  /** Answers whether there may be another packet to read. */
  #readPacket(): boolean {
    const packet = this.buffer.peekPacket();
    switch (packet.kind) {
      case "incomplete":
        return false;
      case "directTls":
        this.#startDirectTls();
        return false;
      case "sslRequest":
        this.#answerSslRequest(this.buffer.take(packet.byteLength));
        return true;
      case "gssEncRequest":
        this.buffer.take(packet.byteLength);
        this.#client.write(ENCRYPTION_REFUSED);
        return true;
      case "cancelRequest":
        this.#phase = "done";
        this.#port.requested({ kind: "cancel", key: packet.key });
        return false;
      case "startupMessage": {
        this.#phase = "done";
        const message = this.buffer.take(packet.byteLength);
        this.#port.requested({ kind: "startup", message, peer: this.#peer });
        return false;
      }
    }
  }

  #answerSslRequest(packet: Uint8Array): void {
    this.#port.sslRequested(packet);
    if (this.#context.tls.mode === "disable") {
      this.#client.write(ENCRYPTION_REFUSED);
      return;
    }
    // Bytes behind the request would be taken for encrypted ones: CVE-2021-23214.
    if (this.#peer !== undefined || this.buffer.byteLength > 0) {
      throw new GatewayError("ERR_PROTOCOL_VIOLATION", "unencrypted data after an SSLRequest");
    }
    this.#client.write(SSL_ACCEPTED);
    this.#phase = "handshake";
    this.#port.handshakeBegan();
    this.#client.startTls(this.#context.tls.current(), (result) => this.#handshaken(result));
  }

  /** A client that starts TLS without asking, as PostgreSQL 17's libpq can. */
  #startDirectTls(): void {
    if (this.#context.tls.mode === "disable" || this.#peer !== undefined) {
      throw new GatewayError("ERR_PROTOCOL_VIOLATION", "TLS on a connection that has none");
    }
    this.#phase = "handshake";
    this.#port.handshakeBegan();
    const hello = this.buffer.takeAll();
    const tls = this.#context.tls.current();
    this.#client = acceptDirectTls(this.#client, hello, tls, (result) => this.#handshaken(result));
    this.#port.clientReplaced(this.#client);
  }

  #handshaken(result: HandshakeResult): void {
    if (result.kind === "failed") {
      this.#port.handshakeEnded(result.error);
      return;
    }
    if (this.#phase === "stopped") return;
    this.#peer = result.peer;
    this.#port.handshakeEnded(undefined);
    this.begin();
  }
}
