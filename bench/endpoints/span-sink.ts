import { createServer } from "node:http2";
import type { Http2Server, ServerHttp2Session, ServerHttp2Stream } from "node:http2";

/** An answer of gRPC without any field. */
const EMPTY_MESSAGE = Buffer.alloc(5);

/** Takes what is exported to it, and does not look at it: what a collector does is not to be measured. */
export class SpanSink implements AsyncDisposable {
  readonly address: string;
  readonly #server: Http2Server;
  readonly #sessions: ReadonlySet<ServerHttp2Session>;

  private constructor(
    server: Http2Server,
    sessions: ReadonlySet<ServerHttp2Session>,
    address: string,
  ) {
    this.#server = server;
    this.#sessions = sessions;
    this.address = address;
  }

  static async start(): Promise<SpanSink> {
    const server = createServer();
    const sessions = new Set<ServerHttp2Session>();
    server.on("session", (session) => {
      sessions.add(session);
      session.on("close", () => sessions.delete(session));
    });
    server.on("stream", takeAll);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const address = server.address();
    if (address === null || typeof address === "string") throw new Error("it has no port");
    return new SpanSink(server, sessions, `127.0.0.1:${address.port}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.destroy();
    await closed;
  }
}

function takeAll(stream: ServerHttp2Stream): void {
  // A gateway that ends breaks off what it was sending.
  stream.on("error", () => stream.destroy());
  stream.resume();
  stream.on("end", () => {
    stream.respond(
      { ":status": 200, "content-type": "application/grpc+proto" },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(EMPTY_MESSAGE);
  });
}
