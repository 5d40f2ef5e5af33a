import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import { MetricsServer } from "./metrics-server.ts";
import type { MetricsServerOptions } from "./metrics-server.ts";

const TLS = join(import.meta.dir, "..", "..", "tests", "fixtures", "tls");

function pairOf(name: string): { readonly cert: string; readonly key: string } {
  const [cert = "", key = ""] = ["crt", "key"].map((kind) =>
    readFileSync(join(TLS, `${name}.${kind}`), "utf8"),
  );
  return { cert, key };
}

function setUp(more: Partial<MetricsServerOptions> = {}) {
  const logger = new MemoryLogger();
  const options: MetricsServerOptions = {
    host: "127.0.0.1",
    port: 0,
    takesOver: false,
    tls: () => undefined,
    readHeaderTimeoutMs: 10_000,
    timeoutMs: 10_000,
    pages: new Map([["/metrics", () => []]]),
    logger,
    ...more,
  };
  const server = new MetricsServer(options);
  /** Where it has listened last. */
  const url = (): string =>
    String(
      logger.records.findLast(({ message }) => message === "Metrics are exposed")?.fields[
        "address"
      ],
    );
  return { server, options, logger, url };
}

async function serialOf(url: string): Promise<string> {
  const { port, hostname } = new URL(url);
  return await new Promise((resolve, reject) => {
    const socket = connect(
      { host: hostname, port: Number(port), rejectUnauthorized: false },
      () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.end();
      },
    );
    socket.on("error", reject);
  });
}

async function statusOf(url: string): Promise<number> {
  const response = await fetch(url, { tls: { rejectUnauthorized: false } });
  await response.text();
  return response.status;
}

test("other pages are served without listening anew", async () => {
  const { server, options, logger, url } = setUp();
  await server.listen();
  expect(await statusOf(url())).toBe(200);
  await server.follow({ ...options, pages: new Map([["/other", () => []]]) });
  expect(await statusOf(url())).toBe(404);
  expect(await statusOf(url().replace("/metrics", "/other"))).toBe(200);
  expect(logger.count("Metrics are exposed")).toBe(1);
  await server.close();
});

test("a new certificate is shown at the same address, and nobody is refused for long", async () => {
  let pair = pairOf("server");
  const { server, logger, url } = setUp({ tls: () => pair });
  await server.listen();
  const before = [url(), await serialOf(url())];
  expect(await statusOf(url())).toBe(200);
  pair = pairOf("renewed");
  await server.reopen();
  expect(url()).toBe(String(before[0]));
  expect(await serialOf(url())).not.toBe(String(before[1]));
  expect(await statusOf(url())).toBe(200);
  expect(logger.records.filter(({ level }) => level === "error")).toEqual([]);
  await server.close();
});

test("it begins to encrypt, and ends to, at the same port", async () => {
  let pair: ReturnType<MetricsServerOptions["tls"]>;
  const { server, url } = setUp({ tls: () => pair });
  await server.listen();
  const plain = url();
  pair = pairOf("server");
  await server.reopen();
  expect(url()).toBe(plain.replace("http:", "https:"));
  expect(await statusOf(url())).toBe(200);
  pair = undefined;
  await server.reopen();
  expect(url()).toBe(plain);
  expect(await statusOf(plain)).toBe(200);
  await server.close();
});
