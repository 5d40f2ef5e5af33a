/**
 * Serves metrics pages on one address, over HTTP or HTTPS.
 *
 * States: listening, or waiting to try again since the address is taken, as it is while the gateway before this
 * one drains; closed. Whether it listens or not never holds up anything else.
 */
import { createServer } from "node:http";
import type { IncomingMessage, RequestListener, Server, ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { gzipSync } from "node:zlib";
import type { Logger } from "../logging/index.ts";
import { acceptsOpenMetrics } from "./accepts-open-metrics.ts";
import {
  OPEN_METRICS_CONTENT_TYPE,
  TEXT_CONTENT_TYPE,
  writeOpenMetrics,
  writeText,
} from "./exposition/index.ts";
import type { MetricFamily } from "./exposition/index.ts";
import { startPage } from "./start-page.ts";

export interface MetricsServerOptions {
  readonly host: string;
  /** 0: the kernel chooses. */
  readonly port: number;
  /** Another process may serve its own there until it leaves the address to this one. */
  readonly takesOver: boolean;
  /** Asked whenever it begins to listen: PEM texts, or undefined for plain HTTP. @throws when there are none to be had */
  readonly tls: () => { readonly cert: string; readonly key: string } | undefined;
  /** Times in milliseconds; 0 = no limit. */
  readonly readHeaderTimeoutMs: number;
  readonly timeoutMs: number;
  /** What there is at a path. */
  readonly pages: ReadonlyMap<string, () => readonly MetricFamily[]>;
  readonly logger: Logger;
}

/** An address that is taken is tried again so often. */
const RETRY_MS = 5_000;
/** The gateway before this one leaves at a moment that somebody chooses; no reading of the page is to be missed. */
const TAKE_OVER_MS = 250;
/** Time for answers under way when it begins to listen anew. */
const LEAVE_MS = 1_000;
/** How often it is looked at who takes too long. */
const CHECK_MS = 1_000;
/** Less is not worth compressing. */
const MIN_GZIP_BYTES = 1_024;

export class MetricsServer {
  #options: MetricsServerOptions;
  #server: Server | undefined;
  /** Those that do not listen any more, and have answers to give. */
  readonly #leaving = new Map<Server, Promise<void>>();
  #retry: Timer | undefined;
  #isClosed = false;
  #hasFailed = false;
  /** Where it listened last: a port that the kernel has chosen stays the same. */
  #port: number | undefined;
  #isEncrypted = false;

  constructor(options: MetricsServerOptions) {
    this.#options = options;
  }

  /** Resolves when it listens, or is going to try again. Never rejects. */
  async listen(): Promise<void> {
    this.#retry = undefined;
    try {
      const server = this.#create();
      await this.#open(server);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** Serves on other terms at the same address. Answers under way are given to the end. */
  async follow(options: MetricsServerOptions): Promise<void> {
    const before = this.#options;
    this.#options = options;
    const { readHeaderTimeoutMs, timeoutMs } = options;
    const isSame =
      before.readHeaderTimeoutMs === readHeaderTimeoutMs && before.timeoutMs === timeoutMs;
    if (!isSame) await this.reopen();
  }

  /** Listens anew, with the certificate that there is now. Answers under way are given to the end. */
  async reopen(): Promise<void> {
    const former = this.#server;
    const isWaiting = this.#retry !== undefined;
    if (this.#isClosed || (former === undefined && !isWaiting)) return;
    clearTimeout(this.#retry);
    this.#server = undefined;
    if (former !== undefined) this.#leave(former);
    await this.listen();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) this.#leave(server);
    for (const leaving of this.#leaving.keys()) leaving.closeAllConnections();
    await Promise.all(this.#leaving.values());
  }

  /** Its address is free at once. */
  #leave(server: Server): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#leaving.set(server, promise);
    const timer = setTimeout(() => server.closeAllConnections(), LEAVE_MS);
    server.close(() => {
      clearTimeout(timer);
      this.#leaving.delete(server);
      resolve();
    });
  }

  /** @throws for certificates that cannot be read */
  #create(): Server {
    const { readHeaderTimeoutMs, timeoutMs } = this.#options;
    const pair = this.#options.tls();
    const answer: RequestListener = (request, response) => this.#answer(request, response);
    const limits = {
      headersTimeout: readHeaderTimeoutMs,
      requestTimeout: timeoutMs,
      connectionsCheckingInterval: CHECK_MS,
    };
    const server: Server =
      pair === undefined
        ? createServer(limits, answer)
        : createSecureServer({ ...limits, ...pair, minVersion: "TLSv1.3" }, answer);
    this.#isEncrypted = pair !== undefined;
    server.timeout = timeoutMs;
    server.keepAliveTimeout = timeoutMs;
    return server;
  }

  async #open(server: Server): Promise<void> {
    const { host, port, logger, pages } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    // Not with `reusePort`, which Bun's node:http does not know (Bun issue 43690): one page after the other.
    server.listen(this.#port ?? port, host, resolve);
    await promise;
    server.off("error", reject);
    server.on("error", (error) => logger.warn("The metrics server has failed", { error }));
    if (this.#isClosed) {
      server.close();
      return;
    }
    this.#server = server;
    this.#hasFailed = false;
    const bound = server.address();
    const boundPort = typeof bound === "object" && bound !== null ? bound.port : port;
    this.#port = boundPort;
    const [path = ""] = pages.keys();
    const origin = `${this.#isEncrypted ? "https" : "http"}://${urlHost(host)}:${boundPort}`;
    logger.info("Metrics are exposed", { address: `${origin}${path}` });
  }

  #failed(error: unknown): void {
    if (this.#isClosed) return;
    const { host, port, takesOver, logger } = this.#options;
    const isWaiting = takesOver && isInUse(error);
    if (!this.#hasFailed) {
      const address = `${urlHost(host)}:${port}`;
      if (isWaiting) {
        logger.info("Another gateway serves its metrics; this one will when that has left", {
          address,
        });
      } else {
        logger.error("The metrics page cannot be served; it is tried again and again", {
          address,
          error,
        });
      }
    }
    this.#hasFailed = true;
    this.#retry = setTimeout(() => void this.listen(), isWaiting ? TAKE_OVER_MS : RETRY_MS);
    this.#retry.unref();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pages, logger } = this.#options;
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD" }).end();
      return;
    }
    const [path = ""] = (request.url ?? "").split("?");
    const families = pages.get(path);
    try {
      if (families !== undefined) answerWith(request, response, families());
      else if (path === "/") answerStart(response, [...pages.keys()]);
      else response.writeHead(404, { "content-type": "text/plain" }).end("not found\n");
    } catch (error) {
      logger.error("The metrics page could not be made", { error });
      response.writeHead(500).end();
    }
  }
}

function answerStart(response: ServerResponse, paths: readonly string[]): void {
  response.writeHead(200, {
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'",
  });
  response.end(startPage(paths));
}

function answerWith(
  { headers }: IncomingMessage,
  response: ServerResponse,
  families: readonly MetricFamily[],
): void {
  const isOpenMetrics = acceptsOpenMetrics(headers.accept ?? "");
  const text = Buffer.from(isOpenMetrics ? writeOpenMetrics(families) : writeText(families));
  const isGzip =
    text.length >= MIN_GZIP_BYTES &&
    /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(String(headers["accept-encoding"]));
  response.writeHead(200, {
    "content-type": isOpenMetrics ? OPEN_METRICS_CONTENT_TYPE : TEXT_CONTENT_TYPE,
    vary: "Accept, Accept-Encoding",
    ...(isGzip && { "content-encoding": "gzip" }),
  });
  response.end(isGzip ? gzipSync(text) : text);
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}

function urlHost(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
