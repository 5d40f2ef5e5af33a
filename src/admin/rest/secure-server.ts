/**
 * Serves HTTP over TLS and tells of clients' certificates. Neither Bun.serve nor node:https do (Bun issue 37251), but
 * the server of node:http2 does, which speaks HTTP/1.1 as well; it can go once they do. Bun offers clients HTTP/2 there
 * whatever ALPNProtocols says, so that browsers speak it.
 */
import type { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createSecureServer } from "node:http2";
import type { Http2SecureServer, ServerHttp2Stream } from "node:http2";
import type { TLSSocket } from "node:tls";
import { CALLS_END_MS } from "../calls-end-ms.ts";
import { doorTlsOptions } from "../door-tls.ts";
import type { DoorTls } from "../door-tls.ts";
import { peerNamesOf } from "../peer-names.ts";

/** Who has sent a request. */
export interface Peer {
  readonly address: string;
  /** Of a verified certificate. */
  readonly certificateNames: readonly string[];
}

export interface SecureServerOptions {
  readonly tls: DoorTls;
  readonly maxRequestBytes: number;
  /** Does not reject. */
  readonly answer: (request: Request, peer: Peer) => Promise<Response>;
  /** A client that says nothing for so long is let go, unless it waits for an answer. Default: a minute. */
  readonly silenceMs?: number;
}

/** By HTTP/1.1, or by HTTP/2: then it is one of many on its connection. */
type Incoming = IncomingMessage & { readonly stream?: ServerHttp2Stream };

/** Default of {@link SecureServerOptions.silenceMs}. */
const SILENCE_MS = 60_000;

export class SecureServer {
  readonly #options: SecureServerOptions;
  readonly #server: Http2SecureServer;
  readonly #sockets = new Map<string, TLSSocket>();
  /** How many answers each connection waits for. */
  readonly #owed = new Map<string, number>();

  constructor(options: SecureServerOptions) {
    this.#options = options;
    const { silenceMs = SILENCE_MS } = options;
    this.#server = createSecureServer({
      ...doorTlsOptions(options.tls, ["http/1.1"]),
      allowHTTP1: true,
    });
    // Its types know of the requests of HTTP/2 alone.
    const events: EventEmitter = this.#server;
    events.on("request", (request: Incoming, response: ServerResponse) => {
      void this.#serve(request, response);
    });
    events.on("secureConnection", (socket: TLSSocket) => {
      const name = nameOf(socket);
      this.#sockets.set(name, socket);
      socket.on("close", () => this.#sockets.delete(name));
      socket.on("error", () => {}); // Whoever went away gets no answer.
      socket.on("timeout", () => {
        if (!this.#owed.has(name)) socket.destroy();
      });
      socket.setTimeout(silenceMs);
    });
    // Who speaks no TLS is not served.
    events.on("tlsClientError", () => {});
  }

  /** Resolves to the port. @throws the system's error when it cannot listen */
  async open(host: string, port: number, reusePort: boolean): Promise<number> {
    const events: EventEmitter = this.#server;
    await new Promise<void>((resolve, reject) => {
      events.once("error", reject);
      this.#server.listen({ host, port, ...(reusePort && { reusePort }) }, () => resolve());
    });
    const bound = this.#server.address();
    return typeof bound === "object" && bound !== null ? bound.port : port;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const timer = setTimeout(() => {
      for (const socket of this.#sockets.values()) socket.destroy();
    }, CALLS_END_MS);
    await closed;
    clearTimeout(timer);
  }

  async #serve(incoming: Incoming, outgoing: ServerResponse): Promise<void> {
    const socket = incoming.stream?.session?.socket ?? incoming.socket;
    try {
      const body = await this.#bodyOf(incoming);
      const request = body === undefined ? undefined : requestOf(incoming, body);
      if (request === undefined) {
        // By HTTP/2 connections have no header.
        const close = incoming.stream === undefined ? { Connection: "close" } : {};
        outgoing.writeHead(body === undefined ? 413 : 400, close).end();
        return;
      }
      const peer = {
        address: socket.remoteAddress ?? "",
        certificateNames: peerNamesOf(socket),
      };
      const response = await this.#owing(nameOf(socket), () => this.#options.answer(request, peer));
      await send(response, outgoing, incoming.method === "HEAD");
    } catch {
      socket.destroy(); // The client has gone in the middle of it.
    }
  }

  async #owing<T>(connection: string, answer: () => Promise<T>): Promise<T> {
    const owed = this.#owed.get(connection) ?? 0;
    this.#owed.set(connection, owed + 1);
    try {
      return await answer();
    } finally {
      const left = (this.#owed.get(connection) ?? 1) - 1;
      if (left > 0) this.#owed.set(connection, left);
      else this.#owed.delete(connection);
      // What is said by HTTP/2 does not count as a sign of life with Bun.
      this.#sockets.get(connection)?.setTimeout(this.#options.silenceMs ?? SILENCE_MS);
    }
  }

  /** Undefined: there is too much of it. */
  async #bodyOf(incoming: IncomingMessage): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let length = 0;
    for await (const part of incoming) {
      const bytes: Buffer = Buffer.from(part);
      length += bytes.length;
      if (length > this.#options.maxRequestBytes) return undefined;
      parts.push(bytes);
    }
    return Buffer.concat(parts);
  }
}

/** By HTTP/2 a request has a socket that only stands for that of its connection. */
function nameOf({
  remoteAddress,
  remotePort,
}: Pick<TLSSocket, "remoteAddress" | "remotePort">): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Undefined when it names no place, as without the header `Host`. */
function requestOf(incoming: IncomingMessage, body: Buffer): Request | undefined {
  const { method = "GET", headers, url = "/" } = incoming;
  // HTTP/2 has it among the headers that begin with a colon, which are no others'.
  const host = headers.host ?? [headers[":authority"]].flat()[0];
  const target = URL.parse(url, `https://${host}`);
  if (host === undefined || target === null) return undefined;
  const given = new Headers({ host });
  for (const [name, value] of Object.entries(headers)) {
    if (name === "host" || name.startsWith(":")) continue;
    for (const one of [value].flat()) if (one !== undefined) given.append(name, one);
  }
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(target.href, { method, headers: given, ...(hasBody && { body }) });
}

async function send(
  { status, headers, body }: Response,
  outgoing: ServerResponse,
  isHead: boolean,
): Promise<void> {
  outgoing.writeHead(status, Object.fromEntries(headers));
  if (!isHead && body !== null) for await (const part of body) outgoing.write(part);
  outgoing.end();
}
