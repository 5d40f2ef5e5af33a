import { describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import {
  connectWire,
  expectSameDescriptors,
  freePort,
  oneBlockConfig,
  type OneBlockOptions,
  openDescriptors,
  startGatewayd,
  startProcess,
  testNeeding,
  waitFor,
} from "../kit/index.ts";

async function startRaw(serverAddress: string, options: OneBlockOptions = {}) {
  const server = { protocol: "raw", ...options.server };
  return await startGatewayd({ config: oneBlockConfig(serverAddress, { ...options, server }) });
}

/** A server of the test that treats each connection as it is told; it ends with its client unless told otherwise. */
async function tcpServer(
  treat: (socket: Socket) => void,
  { allowHalfOpen = false } = {},
): Promise<AsyncDisposable & { readonly address: string }> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    treat(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    address: `127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("protocol raw", () => {
  testNeeding("redis-server")("serves Redis, pipelines and large values included", async () => {
    const redisPort = await freePort();
    await using redis = await startProcess([
      "redis-server",
      ...["--port", String(redisPort), "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"],
    ]);
    await redis.waitForLine("Ready to accept connections");
    await using gatewayd = await startRaw(`127.0.0.1:${redisPort}`);
    const client = new Bun.RedisClient(`redis://${gatewayd.host}:${gatewayd.port}`);
    const large = "0123456789abcdef".repeat(128 * 1024);
    await client.set("large", large);
    expect((await client.get("large")) === large).toBe(true);
    const counts = await Promise.all(Array.from({ length: 500 }, () => client.incr("counter")));
    expect(counts).toEqual(Array.from({ length: 500 }, (_, index) => index + 1));
    client.close();
    await gatewayd.stop();
  });

  test("serves an HTTP server: keep-alive, bodies in both directions, parallel clients", async () => {
    using http = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: async (request) => new Response(`${request.method} ${(await request.text()).length}`),
    });
    await using gatewayd = await startRaw(`127.0.0.1:${http.port}`, { pool: { size: 3 } });
    const url = `http://${gatewayd.host}:${gatewayd.port}/`;
    const body = "x".repeat(3_000_000);
    const answers = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const response = await fetch(url, { method: "POST", body, keepalive: false });
        return await response.text();
      }),
    );
    expect(answers).toEqual(Array.from({ length: 6 }, () => "POST 3000000"));
    await gatewayd.stop();
  });

  test("passes on what a server says first", async () => {
    await using server = await tcpServer((socket) => {
      socket.write("220 at your service\r\n");
      socket.on("data", (bytes) => socket.write(bytes));
    });
    await using gatewayd = await startRaw(server.address, { pool: { size: 1 } });
    for (const word of ["first", "second"]) {
      await using client = await connectWire(gatewayd);
      expect((await client.bytes(21)).toString()).toBe("220 at your service\r\n");
      client.send(word);
      expect((await client.bytes(word.length)).toString()).toBe(word);
    }
    await gatewayd.stop();
  });

  test("passes on that a client has ended, and the answer that comes after it", async () => {
    const count = (socket: Socket): void => {
      let received = 0;
      socket.on("data", (bytes) => (received += bytes.length));
      socket.on("end", () => socket.end(`received ${received}`));
    };
    await using server = await tcpServer(count, { allowHalfOpen: true });
    await using gatewayd = await startRaw(server.address);
    const before = openDescriptors(gatewayd.process.pid);
    await using client = await connectWire(gatewayd, { allowHalfOpen: true });
    client.send(Buffer.alloc(1_000_000));
    client.end();
    expect((await client.bytes(16)).toString()).toBe("received 1000000");
    await client.ended();
    await expectSameDescriptors(gatewayd.process.pid, before);
    await gatewayd.stop();
  });

  test("passes on that a server has ended, and what the client says after it", async () => {
    let heard = "";
    const sayAll = (socket: Socket): void => {
      socket.end("that was all");
      socket.on("data", (bytes) => (heard += bytes.toString()));
    };
    await using server = await tcpServer(sayAll, { allowHalfOpen: true });
    await using gatewayd = await startRaw(server.address);
    await using client = await connectWire(gatewayd, { allowHalfOpen: true });
    expect((await client.bytes(12)).toString()).toBe("that was all");
    await client.ended();
    client.send("and here is more");
    await waitFor("the server to hear it", () => heard === "and here is more");
    client.end();
    await gatewayd.stop();
  });

  test("passes on a reset from either side and serves the next client", async () => {
    let lost = 0;
    await using server = await tcpServer((socket) => {
      socket.on("close", () => lost++);
      socket.on("data", (bytes) => {
        if (bytes.toString() === "die") socket.resetAndDestroy();
        else socket.write(bytes);
      });
    });
    await using gatewayd = await startRaw(server.address, { pool: { size: 1 } });
    const before = openDescriptors(gatewayd.process.pid);
    const resetting = await connectWire(gatewayd);
    resetting.send("hello");
    await resetting.bytes(5);
    resetting.reset();
    await waitFor("the server to be told", () => lost === 1);
    await using reset = await connectWire(gatewayd);
    reset.send("die");
    await reset.ended();
    await using next = await connectWire(gatewayd);
    next.send("alive");
    expect((await next.bytes(5)).toString()).toBe("alive");
    await next[Symbol.asyncDispose]();
    await expectSameDescriptors(gatewayd.process.pid, before);
    await gatewayd.stop();
  });

  test("closes clients without a word when no backend is free or they are too many", async () => {
    await using server = await tcpServer((socket) =>
      socket.on("data", (bytes) => socket.write(bytes)),
    );
    await using gatewayd = await startRaw(server.address, {
      pool: { size: 1, queueTimeout: "200ms" },
      server: { maxConnections: 2 },
    });
    await using holder = await connectWire(gatewayd);
    holder.send("x");
    await holder.bytes(1);
    await using waiting = await connectWire(gatewayd);
    await using tooMany = await connectWire(gatewayd);
    await tooMany.ended();
    await waiting.ended();
    expect(waiting.received.length + tooMany.received.length).toBe(0);
    holder.end();
    await gatewayd.stop();
  });
});
