/** A gRPC server on HTTP/2, as small as the plugin protocol allows: unary calls, and streams that nothing is said on. */
import type { EventEmitter } from "node:events";
import { createSecureServer, createServer } from "node:http2";
import type {
  Http2SecureServer,
  Http2Server,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from "node:http2";

/** In front of each message: whether it is compressed, and its length. */
export const PREFIX_BYTES = 5;

/** Statuses of gRPC, as far as they are said here. */
const STATUS = { ok: 0, unknown: 2, invalidArgument: 3, unimplemented: 12 } as const;

const ANSWER_HEADERS = { ":status": 200, "content-type": "application/grpc+proto" } as const;

/**
 * Answers one call: gets the bytes of its message and its headers, and returns a frame whose first {@link PREFIX_BYTES} bytes are
 * free. What it throws goes back as the message of the status UNKNOWN, or of that of a {@link CallRefused}.
 */
export type UnaryMethod = (
  message: Buffer,
  headers: IncomingHttpHeaders,
) => Buffer | PromiseLike<Buffer>;

/** A call is answered with another status than OK and UNKNOWN. */
export class CallRefused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface GrpcServerOptions {
  /** By their paths. */
  readonly unary: ReadonlyMap<string, UnaryMethod>;
  /** Paths of streams that are kept open, and nothing is said on. */
  readonly silent: ReadonlySet<string>;
  /** Both ends know each other by their certificates; undefined: in plain text. */
  readonly tls:
    { readonly key: string; readonly cert: string; readonly clientCert: string } | undefined;
}

export class GrpcServer {
  readonly #options: GrpcServerOptions;
  readonly #server: Http2Server | Http2SecureServer;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(options: GrpcServerOptions) {
    this.#options = options;
    const { tls } = options;
    this.#server =
      tls === undefined
        ? createServer()
        : createSecureServer({
            key: tls.key,
            cert: tls.cert,
            ca: tls.clientCert,
            requestCert: true,
            rejectUnauthorized: true,
            minVersion: "TLSv1.2",
            ALPNProtocols: ["h2"],
          });
    // The two kinds of servers have the same events, and types that do not mix.
    const events: EventEmitter = this.#server;
    events.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) =>
      this.#serve(stream, headers),
    );
    events.on("session", (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
      session.on("error", () => {}); // As above.
    });
    // A host that goes away, or is none, is no error of the plugin.
    events.on("sessionError", () => {});
    events.on("tlsClientError", () => {});
  }

  /** @param address path of a unix socket */
  listen(address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const events: EventEmitter = this.#server;
      events.once("error", reject);
      this.#server.listen(address, () => resolve());
    });
  }

  /** Lets calls under way end within this time, and then closes every connection. */
  async close(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, graceMs);
    await closed;
    clearTimeout(timer);
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    stream.on("error", () => {}); // The call was broken off: nobody waits for its answer.
    const path = headers[":path"] ?? "";
    if (this.#options.silent.has(path)) {
      stream.respond(ANSWER_HEADERS);
      stream.resume();
      return;
    }
    const method = this.#options.unary.get(path);
    if (method === undefined) {
      refuse(stream, STATUS.unimplemented, `there is no ${path}`);
      return;
    }
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => void answer(stream, method, chunks, headers));
  }
}

async function answer(
  stream: ServerHttp2Stream,
  method: UnaryMethod,
  chunks: readonly Buffer[],
  headers: IncomingHttpHeaders,
): Promise<void> {
  try {
    const [first, ...rest] = chunks;
    const request = rest.length === 0 && first !== undefined ? first : Buffer.concat(chunks);
    if (request.length < PREFIX_BYTES || request[0] !== 0) {
      throw new CallRefused(STATUS.invalidArgument, "no message, or a compressed one");
    }
    const end = PREFIX_BYTES + request.readUInt32BE(1);
    if (request.length !== end) {
      throw new CallRefused(STATUS.invalidArgument, "not one message");
    }
    const frame = await method(request.subarray(PREFIX_BYTES), headers);
    frame[0] = 0;
    frame.writeUInt32BE(frame.length - PREFIX_BYTES, 1);
    if (stream.closed || stream.destroyed) return;
    stream.respond(ANSWER_HEADERS, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": String(STATUS.ok) }));
    stream.end(frame);
  } catch (error) {
    const status = error instanceof CallRefused ? error.status : STATUS.unknown;
    refuse(stream, status, error instanceof Error ? error.message : String(error));
  }
}

/** An answer without a message. */
function refuse(stream: ServerHttp2Stream, status: number, message: string): void {
  if (stream.closed || stream.destroyed) return;
  stream.respond(
    {
      ...ANSWER_HEADERS,
      "grpc-status": String(status),
      "grpc-message": encodeURIComponent(message),
    },
    { endStream: true },
  );
}
