/** Where the commands are called by gRPC. */
import type { EventEmitter } from "node:events";
import { createSecureServer, createServer } from "node:http2";
import type { Http2SecureServer, Http2Server, ServerHttp2Session } from "node:http2";
import type { Gatekeeper } from "../access/index.ts";
import { CALLS_END_MS } from "../calls-end-ms.ts";
import type { CommandLayer } from "../commands/index.ts";
import { doorTlsOptions } from "../door-tls.ts";
import type { DoorTls } from "../door-tls.ts";
import { hostAndPort } from "../host-and-port.ts";
import type { NodeHandlerFn } from "./grpc-handler.ts";

export interface GrpcDoorOptions {
  /** Loaded when the first call comes. */
  readonly layer: () => Promise<CommandLayer>;
  readonly gatekeeper: Gatekeeper;
  /** Told to whoever asks, without a token. */
  readonly isServing: () => boolean;
  readonly tls: DoorTls | undefined;
  readonly claimSocket: ClaimSocket;
}

/** Where it listens: a port of 0 is for the kernel to choose. */
export type GrpcPlace =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** The file of a unix socket, which may be taken over from another gateway. */
export interface GrpcSocketFile {
  readonly path: string;
  /** Where it is to be bound. */
  readonly boundAs: string;
  /** Has it found at its path. */
  place(): void;
  remove(): void;
}

/** @throws Error when it is another process', and not to be taken over */
export type ClaimSocket = (path: string, takesOver: boolean) => Promise<GrpcSocketFile>;

export class GrpcDoor {
  readonly #options: GrpcDoorOptions;
  readonly #server: Http2Server | Http2SecureServer;
  readonly #closing = new AbortController();
  readonly #sessions = new Set<ServerHttp2Session>();
  #handler: Promise<NodeHandlerFn> | undefined;
  #file: GrpcSocketFile | undefined;

  constructor(options: GrpcDoorOptions) {
    this.#options = options;
    const { tls } = options;
    this.#server =
      tls === undefined ? createServer() : createSecureServer(doorTlsOptions(tls, ["h2"]));
    // The two kinds of servers have the same events, and types that do not mix.
    const events: EventEmitter = this.#server;
    events.on("request", (...call: Parameters<NodeHandlerFn>) => void this.#serve(...call));
    events.on("session", (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.on("close", () => this.#sessions.delete(session));
      session.on("error", () => {}); // Whoever went away gets no answer.
    });
    // Who speaks no HTTP/2, or no TLS, is not served.
    events.on("sessionError", () => {});
    events.on("tlsClientError", () => {});
  }

  /** Resolves to where it listens. @throws the system's error when it cannot */
  async open(place: GrpcPlace, reusePort: boolean): Promise<string> {
    const events: EventEmitter = this.#server;
    const file =
      place.kind === "unix" ? await this.#options.claimSocket(place.path, reusePort) : undefined;
    await new Promise<void>((resolve, reject) => {
      events.once("error", reject);
      const listening = (): void => resolve();
      if (place.kind === "unix") this.#server.listen(file?.boundAs ?? place.path, listening);
      else {
        const { host, port } = place;
        this.#server.listen({ host, port, ...(reusePort && { reusePort }) }, listening);
      }
    });
    if (file !== undefined) {
      this.#file = file;
      file.place();
      return file.path;
    }
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) return String(address);
    return hostAndPort({ host: address.address, port: address.port });
  }

  /** Calls under way have {@link CALLS_END_MS} to end. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#closing.abort();
    this.#file?.remove();
    this.#file = undefined;
    for (const session of this.#sessions) session.close();
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, CALLS_END_MS);
    await closed;
    clearTimeout(timer);
  }

  /** Its handler is loaded when the first call comes. */
  async #serve(...call: Parameters<NodeHandlerFn>): Promise<void> {
    this.#handler ??= (async () => {
      const { grpcHandler } = await import("./grpc-handler.ts");
      const { layer, gatekeeper, isServing } = this.#options;
      const closing = this.#closing.signal;
      return grpcHandler({ layer: await layer(), gatekeeper, isServing, closing });
    })();
    (await this.#handler)(...call);
  }
}
