import { expect, test } from "bun:test";
import { createServer } from "node:http2";
import { createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createGrpcTransport } from "@connectrpc/connect-node";
import { waitFor } from "../../../tests/kit/index.ts";
import { Health } from "../../rpc/index.ts";
import { serveHealth } from "./serve-health.ts";

/** A server of gRPC whose gateway serves, and how often that was asked. */
async function start() {
  const closing = new AbortController();
  let asked = 0;
  const isServing = (): boolean => {
    asked += 1;
    return true;
  };
  const server = createServer(
    connectNodeAdapter({ routes: (router) => serveHealth(router, isServing, closing.signal) }),
  );
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const client = createClient(
    Health,
    createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}`, idleConnectionTimeoutMs: 100 }),
  );
  return {
    client,
    closing,
    asked: () => asked,
    [Symbol.asyncDispose]: async () => {
      closing.abort();
      const { promise: closed, resolve: done } = Promise.withResolvers<void>();
      server.close(() => done());
      await closed;
    },
  };
}

test("nobody looks any more for a watcher that has gone", async () => {
  await using server = await start();
  await using clock = await start();
  const gone = new AbortController();
  const stream = server.client.watch({}, { signal: gone.signal })[Symbol.asyncIterator]();
  await stream.next();
  await waitFor("a second look", () => server.asked() > 1);
  gone.abort();
  await expect(stream.next()).rejects.toThrow("aborted");
  const before = server.asked();
  await clock.client.watch({})[Symbol.asyncIterator]().next();
  await waitFor("the looks of another one", () => clock.asked() > 4);
  // One was perhaps under way.
  expect(server.asked() - before).toBeLessThan(2);
});

test("a server that closes ends the watching", async () => {
  await using server = await start();
  const told: unknown[] = [];
  const stream = server.client.watch({});
  for await (const { status } of stream) {
    told.push(status);
    server.closing.abort();
  }
  expect(told).toHaveLength(1);
});
