/**
 * Serves metrics pages on one address, over HTTP or HTTPS.
 *
 * States: listening, or waiting to try again since the address is taken, as it is while the gateway before this
 * one drains; closed. Whether it listens or not never holds up anything else.
 */
import { readFileSync } from "node:fs";
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
  /** Both or none. */
  readonly tls: { readonly certFile: string; readonly keyFile: string } | undefined;
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
/** How often it is looked at who takes too long. */
const CHECK_MS = 1_000;
/** Less is not worth compressing. */
const MIN_GZIP_BYTES = 1_024;

export class MetricsServer {
  readonly #options: MetricsServerOptions;
  #server: Server | undefined;
  #retry: Timer | undefined;
  #isClosed = false;
  #hasFailed = false;

  constructor(options: MetricsServerOptions) {
    this.#options = options;
  }

  /** Resolves when it listens, or is going to try again. Never rejects. */
  async listen(): Promise<void> {
    try {
      const server = this.#create();
      await this.#open(server);
    } catch (error) {
      this.#failed(error);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    server.close(() => resolve());
    server.closeAllConnections();
    await promise;
  }

  /** @throws for certificates that cannot be read */
  #create(): Server {
    const { tls, readHeaderTimeoutMs, timeoutMs } = this.#options;
    const answer: RequestListener = (request, response) => this.#answer(request, response);
    const limits = {
      headersTimeout: readHeaderTimeoutMs,
      requestTimeout: timeoutMs,
      connectionsCheckingInterval: CHECK_MS,
    };
    const server: Server =
      tls === undefined
        ? createServer(limits, answer)
        : createSecureServer(
            {
              ...limits,
              cert: readFileSync(tls.certFile),
              key: readFileSync(tls.keyFile),
              minVersion: "TLSv1.3",
            },
            answer,
          );
    server.timeout = timeoutMs;
    server.keepAliveTimeout = timeoutMs;
    return server;
  }

  async #open(server: Server): Promise<void> {
    const { host, port, logger, tls, pages } = this.#options;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    // Not with `reusePort`, which Bun's node:http does not know (Bun issue 43690): one page after the other.
    server.listen(port, host, resolve);
    await promise;
    server.off("error", reject);
    server.on("error", (error) => logger.warn("The metrics server has failed", { error }));
    if (this.#isClosed) {
      server.close();
      return;
    }
    this.#server = server;
    const bound = server.address();
    const boundPort = typeof bound === "object" && bound !== null ? bound.port : port;
    const [path = ""] = pages.keys();
    const origin = `${tls === undefined ? "http" : "https"}://${urlHost(host)}:${boundPort}`;
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
