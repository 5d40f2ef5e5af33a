/** The commands as gRPC services, with reflection and health. */
import type { EventEmitter } from "node:events";
import { createSecureServer, createServer } from "node:http2";
import type { Http2SecureServer, Http2Server, ServerHttp2Session } from "node:http2";
import { TLSSocket } from "node:tls";
import { Code, ConnectError, createContextKey, createContextValues } from "@connectrpc/connect";
import type { HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { ConnectNodeAdapterOptions } from "@connectrpc/connect-node";
import type { DescMethodUnary, Message } from "@bufbuild/protobuf";
import { GatewayError } from "../../errors.ts";
import { Health, HealthCheckResponse_ServingStatus } from "../../rpc/index.ts";
import type { Credentials, Gatekeeper } from "../access/index.ts";
import { refusalOf } from "../commands/index.ts";
import type { Caller, CommandLayer } from "../commands/index.ts";
import type { DoorTls } from "../door-tls.ts";
import { serveReflection } from "./reflection.ts";

/** Time for calls under way when the door closes. */
const CLOSE_MS = 1_000;

/** A command has a handful of short values. */
const MAX_REQUEST_BYTES = 64 * 1024;

export interface GrpcDoorOptions {
  readonly layer: CommandLayer;
  readonly gatekeeper: Gatekeeper;
  /** Told to whoever asks, without a token. */
  isServing(): boolean;
  readonly tls: DoorTls | undefined;
}

/** Where it listens: a port of 0 is for the kernel to choose. */
export type GrpcPlace =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

type NodeServerRequest = Parameters<NonNullable<ConnectNodeAdapterOptions["contextValues"]>>[0];

const credentialsKey = createContextKey<Credentials | undefined>(undefined);

export class GrpcDoor {
  readonly #options: GrpcDoorOptions;
  readonly #server: Http2Server | Http2SecureServer;
  readonly #sessions = new Set<ServerHttp2Session>();

  constructor(options: GrpcDoorOptions) {
    this.#options = options;
    const { tls } = options;
    this.#server = tls === undefined ? createServer() : createSecureServer(tlsOptions(tls));
    // The two kinds of servers have the same events, and types that do not mix.
    const events: EventEmitter = this.#server;
    events.on("request", this.#adapter());
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
    await new Promise<void>((resolve, reject) => {
      events.once("error", reject);
      const listening = (): void => resolve();
      if (place.kind === "unix") this.#server.listen(place.path, listening);
      else {
        const { host, port } = place;
        this.#server.listen({ host, port, ...(reusePort && { reusePort }) }, listening);
      }
    });
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) return String(address);
    const { address: host, port } = address;
    return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
  }

  /** Calls under way have {@link CLOSE_MS} to end. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const session of this.#sessions) session.close();
    const timer = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, CLOSE_MS);
    await closed;
    clearTimeout(timer);
  }

  #adapter(): ReturnType<typeof connectNodeAdapter> {
    const { layer } = this.#options;
    return connectNodeAdapter({
      // Connect and gRPC-Web are for browsers, which have the REST door.
      connect: false,
      grpcWeb: false,
      readMaxBytes: MAX_REQUEST_BYTES,
      contextValues: (request) => createContextValues().set(credentialsKey, credentialsOf(request)),
      routes: (router) => {
        for (const { method } of layer.commands) {
          router.rpc(method, (request: Message, context: HandlerContext) =>
            this.#call(method, request, context),
          );
        }
        const services = [...new Set(layer.commands.map(({ method }) => method.parent)), Health];
        serveReflection(router, services, (context) => void this.#callerOf(context));
        router.service(Health, {
          check: () => ({
            status: this.#options.isServing()
              ? HealthCheckResponse_ServingStatus.SERVING
              : HealthCheckResponse_ServingStatus.NOT_SERVING,
          }),
        });
      },
    });
  }

  async #call(
    method: DescMethodUnary,
    request: Message,
    context: HandlerContext,
  ): Promise<Message> {
    try {
      return await this.#options.layer.call(method, request, this.#callerOf(context));
    } catch (thrown) {
      throw asConnectError(thrown);
    }
  }

  #callerOf({ values }: HandlerContext): Caller {
    const credentials = values.get(credentialsKey);
    if (credentials === undefined) throw new ConnectError("no request", Code.Internal);
    try {
      return this.#options.gatekeeper.identify(credentials);
    } catch (thrown) {
      throw asConnectError(thrown);
    }
  }
}

function asConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  const { code, message } = refusalOf(GatewayError.from(thrown));
  return new ConnectError(message, code);
}

function credentialsOf(request: NodeServerRequest): Credentials {
  const socket = "stream" in request ? request.stream.session?.socket : request.socket;
  const certificate =
    socket instanceof TLSSocket && socket.authorized ? socket.getPeerCertificate() : undefined;
  const name = certificate?.subject?.CN;
  return {
    door: "grpc",
    address: socket?.remoteAddress === undefined ? "unix" : socket.remoteAddress,
    authorization: request.headers.authorization,
    certificateNames: name === undefined ? [] : [name].flat(),
  };
}

function tlsOptions({ cert, key, clientCa }: DoorTls) {
  return {
    cert,
    key,
    minVersion: "TLSv1.2" as const,
    ALPNProtocols: ["h2"],
    // A certificate is one way to say who one is, a token another: it is asked for and not demanded.
    ...(clientCa !== undefined && { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
  };
}
