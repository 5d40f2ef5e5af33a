/** The commands over HTTP as JSON, health for load balancers and containers, and the description of it all. */
import type { Server } from "bun";
import { GatewayError } from "../../errors.ts";
import type { AdminPort } from "../admin-port.ts";
import type { Caller, Gatekeeper } from "../access/index.ts";
import { CALLS_END_MS } from "../calls-end-ms.ts";
import type { CommandLayer } from "../commands/index.ts";
import type { DoorTls } from "../door-tls.ts";
import { hostAndPort } from "../host-and-port.ts";
import { refusalOf } from "../refusal.ts";
import { parseTraceParent } from "../../tracing/index.ts";
import { healthPage } from "./health-page.ts";
import { descriptionPage } from "./description-pages.ts";
import { expectLocalName, expectSameSite } from "./same-site.ts";
import { SecureServer } from "./secure-server.ts";
import type { Peer } from "./secure-server.ts";
import type { Transcoder } from "./transcoder.ts";

/** A command has a handful of short values. */
const MAX_REQUEST_BYTES = 64 * 1024;

export interface RestDoorOptions {
  /** Loaded when the first command comes. */
  layer(): Promise<CommandLayer>;
  readonly gatekeeper: Gatekeeper;
  readonly port: AdminPort;
  readonly tls: DoorTls | undefined;
  /** Without TLS a client that says nothing for so long is let go, unless it waits for an answer. Default: 10. */
  readonly silenceS?: number;
}

export interface RestPlace {
  readonly host: string;
  /** 0: for the kernel to choose. */
  readonly port: number;
  /** Only this machine reaches it. */
  readonly isLocal: boolean;
}

interface RestPeer extends Peer {
  /** So long the connection may be silent; 0: as long as it likes. */
  silence?(seconds: number): void;
}

/** Default of {@link RestDoorOptions.silenceS}. */
const SILENCE_S = 10;

export class RestDoor {
  readonly #options: RestDoorOptions;
  #transcoder: Promise<Transcoder> | undefined;
  #server: { readonly close: () => Promise<void> } | undefined;
  /** Only this machine reaches it. */
  #isLocal = false;

  constructor(options: RestDoorOptions) {
    this.#options = options;
  }

  /** Answers where it listens. @throws the system's error when it cannot */
  async open({ host, port, isLocal }: RestPlace, reusePort: boolean): Promise<string> {
    const { tls } = this.#options;
    this.#isLocal = isLocal;
    const bound =
      tls === undefined
        ? this.#openPlain(host, port, reusePort)
        : await this.#openSecure(tls, host, port, reusePort);
    return hostAndPort({ host, port: bound });
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  #openPlain(hostname: string, port: number, reusePort: boolean): number {
    const server = Bun.serve({
      hostname,
      port,
      reusePort,
      maxRequestBodySize: MAX_REQUEST_BYTES,
      idleTimeout: this.#silenceS,
      development: false,
      fetch: (request, self) =>
        this.#answer(request, {
          address: self.requestIP(request)?.address ?? "",
          certificateNames: [],
          silence: (seconds) => self.timeout(request, seconds),
        }),
      error: () => refused(500, 13, "internal error in the gateway"),
    });
    this.#server = { close: () => stop(server) };
    return server.port ?? port;
  }

  async #openSecure(tls: DoorTls, host: string, port: number, reusePort: boolean): Promise<number> {
    const server = new SecureServer({
      tls,
      maxRequestBytes: MAX_REQUEST_BYTES,
      answer: (request, peer) => this.#answer(request, peer),
    });
    const bound = await server.open(host, port, reusePort);
    this.#server = server;
    return bound;
  }

  async #answer(request: Request, peer: RestPeer): Promise<Response> {
    const response = await this.#respond(request, peer);
    const { headers } = response;
    // Whatever is said is so at this moment, and not for whoever asks the same next.
    if (!headers.has("Cache-Control")) headers.set("Cache-Control", "no-store");
    headers.set("X-Content-Type-Options", "nosniff");
    return response;
  }

  async #respond(request: Request, peer: RestPeer): Promise<Response> {
    try {
      const { pathname, searchParams } = new URL(request.url);
      const page = await this.#page(request, pathname, searchParams, peer);
      return page ?? (await this.#command(request, pathname, searchParams, peer));
    } catch (thrown) {
      const { status, code, message } = refusalOf(GatewayError.from(thrown));
      const response = refused(status, code, message);
      if (status === 401) response.headers.set("WWW-Authenticate", "Bearer");
      return response;
    }
  }

  /** What everybody may see: nothing that tells more of this gateway than that it is one, and whether it serves. */
  async #page(
    request: Request,
    path: string,
    query: URLSearchParams,
    peer: Peer,
  ): Promise<Response | undefined> {
    const { port } = this.#options;
    const page =
      healthPage(path, query.has("verbose") && this.#isKnown(request, peer), port) ??
      descriptionPage(path) ??
      this.#versionPage(request, path, peer) ??
      (await webPage(path));
    if (page === undefined || request.method === "GET" || request.method === "HEAD") return page;
    return otherVerb(["GET"]);
  }

  async #command(
    request: Request,
    path: string,
    query: URLSearchParams,
    peer: RestPeer,
  ): Promise<Response> {
    const caller = this.#callerOf(request, peer);
    const layer = await this.#options.layer();
    this.#transcoder ??= transcoderOf(layer);
    const match = (await this.#transcoder).match(request.method, path);
    if (match.kind === "unknown") return refused(404, 5, `there is no ${path}`);
    if (match.kind === "otherVerb") return otherVerb(match.verbs);
    if (this.#isLocal) expectLocalName(request);
    expectSameSite(request);
    const { call } = match;
    const message = call.request(query, await request.text());
    const { headers } = request;
    const trace = parseTraceParent(
      headers.get("traceparent") ?? "",
      headers.get("tracestate") ?? undefined,
    );
    // Bun takes a connection that waits for its answer for a silent one.
    peer.silence?.(0);
    try {
      return Response.json(call.response(await layer.call(call.method, message, caller, trace)));
    } finally {
      peer.silence?.(this.#silenceS);
    }
  }

  get #silenceS(): number {
    return this.#options.silenceS ?? SILENCE_S;
  }

  /** @throws GatewayError ERR_ADMIN_UNAUTHENTICATED, ERR_ADMIN_FORBIDDEN */
  #versionPage(request: Request, path: string, peer: Peer): Response | undefined {
    if (path !== "/version") return undefined;
    this.#expectKnown(request, peer);
    return new Response(`${this.#options.port.about.versionInfo}\n`);
  }

  /** Probes have no token, and are told of the rest all the same. */
  #isKnown(request: Request, peer: Peer): boolean {
    try {
      this.#expectKnown(request, peer);
      return true;
    } catch (thrown) {
      if (thrown instanceof GatewayError) return false;
      throw thrown;
    }
  }

  /** @throws GatewayError ERR_ADMIN_UNAUTHENTICATED, ERR_ADMIN_FORBIDDEN */
  #expectKnown(request: Request, peer: Peer): void {
    this.#callerOf(request, peer);
    if (this.#isLocal) expectLocalName(request);
  }

  /** @throws GatewayError ERR_ADMIN_UNAUTHENTICATED */
  #callerOf(request: Request, peer: Peer): Caller {
    const authorization = request.headers.get("authorization") ?? undefined;
    const { address, certificateNames } = peer;
    const credentials = { door: "rest", authorization, address, certificateNames } as const;
    return this.#options.gatekeeper.identify(credentials);
  }
}

/** Calls under way have {@link CALLS_END_MS} to end. */
async function stop(server: Server<undefined>): Promise<void> {
  const timer = setTimeout(() => void server.stop(true), CALLS_END_MS);
  await server.stop();
  clearTimeout(timer);
}

/** Not loaded before somebody looks. */
async function webPage(path: string): Promise<Response | undefined> {
  if (path !== "/" && !path.startsWith("/page/")) return undefined;
  const { pageFile } = await import("../page/index.ts");
  return pageFile(path);
}

async function transcoderOf({ commands }: CommandLayer): Promise<Transcoder> {
  const { Transcoder: Loaded } = await import("./transcoder.ts");
  return new Loaded(commands.map(({ method }) => method));
}

/** In the form of GatewayD's API: the number of gRPC's status, and the text. */
function refused(status: number, code: number, message: string): Response {
  return Response.json({ code, message, details: [] }, { status });
}

function otherVerb(verbs: readonly string[]): Response {
  const response = refused(405, 12, `this is for ${verbs.join(", ")}`);
  response.headers.set("Allow", verbs.join(", "));
  return response;
}
