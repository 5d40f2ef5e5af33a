import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import {
  connectWire,
  expectIdle,
  expectSameDescriptors,
  frontendMessage,
  type GatewaydProcess,
  oneBlockConfig,
  type OpenDescriptors,
  openDescriptors,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  startupPacket,
  waitFor,
  type WireClient,
} from "../kit/index.ts";

const MAX_MESSAGE_BYTES = 64 * 1024;

describe("whatever a client sends, the gateway leaks nothing, does not spin and goes on", () => {
  let postgres: PostgresServer;
  let gatewayd: GatewaydProcess;
  let before: OpenDescriptors;

  beforeAll(async () => {
    postgres = await startPostgres();
    gatewayd = await startGatewayd({
      config: oneBlockConfig(postgres.address, {
        server: { startupTimeout: "700ms", maxMessageBytes: MAX_MESSAGE_BYTES },
      }),
    });
  }, 60_000);
  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  });

  beforeEach(() => {
    before = openDescriptors(gatewayd.process.pid);
  });
  afterEach(async () => {
    await expectSameDescriptors(gatewayd.process.pid, before);
    await expectIdle(gatewayd.process.pid);
    await using client = await connectWire(gatewayd);
    await client.login();
    client.query("select 1");
    await client.messagesUntil("Z");
    await client[Symbol.asyncDispose]();
    await expectSameDescriptors(gatewayd.process.pid, before);
  });

  test.each([
    [
      "garbage",
      Buffer.from("\u0001\u0002garbage of some length, long enough to be a packet"),
      "08P01",
    ],
    ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "08P01"],
    ["a TLS ClientHello without TLS", Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc]), "08P01"],
    ["a startup of 10,001 bytes", startupPacket({ user: "x".repeat(9_986) }), "54000"],
    ["a startup of 2 GiB", Buffer.from([0x7f, 255, 255, 255, 0, 3, 0, 0]), "08P01"],
    ["a startup that is too short", Buffer.from([0, 0, 0, 4]), "08P01"],
    ["an unknown protocol", Buffer.from([0, 0, 0, 9, 0, 2, 0, 0, 0]), "0A000"],
  ])("%s is answered with FATAL and closed", async (_name, bytes, code) => {
    await using client = await connectWire(gatewayd);
    client.send(bytes);
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code });
    await client.ended();
  });

  test("a StartupMessage without a user is the server's to refuse", async () => {
    await using client = await connectWire(gatewayd);
    client.send(startupPacket({ database: "postgres" }));
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "28000" });
    await client.ended();
  });

  test.each([
    ["sends nothing", Buffer.alloc(0)],
    ["sends half a startup", startupPacket({ user: "postgres" }).subarray(0, 11)],
  ])("a client that %s is closed after startupTimeout", async (_name, bytes) => {
    await using client = await connectWire(gatewayd);
    const start = performance.now();
    client.send(bytes);
    await client.ended();
    expect(performance.now() - start).toBeGreaterThan(600);
  });

  test("a client that drips its startup byte by byte is served if it is in time", async () => {
    await using client = await connectWire(gatewayd);
    for (const byte of startupPacket({ user: "postgres", database: "postgres" })) {
      client.send(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await client.messagesUntil("Z");
  });

  test("a client that connects and goes away at once", async () => {
    for (let round = 0; round < 50; round++) {
      const client = await connectWire(gatewayd);
      if (round % 2 === 0) client.reset();
      else await client[Symbol.asyncDispose]();
    }
  });

  test("a client that ends its stream in the middle of a message", async () => {
    await using client = await connectWire(gatewayd, { allowHalfOpen: true });
    await client.login();
    client.send(frontendMessage("Q", "select 1\0").subarray(0, 7));
    client.end();
    await client.ended();
  });

  test("a client that ends its stream behind a query still gets the answer", async () => {
    await using client = await connectWire(gatewayd, { allowHalfOpen: true });
    await client.login();
    client.query("select repeat('z', 100000)");
    client.end();
    const messages = await client.messagesUntil("Z");
    expect(messages.map(({ type }) => type)).toEqual(["T", "D", "C", "Z"]);
    await client.ended();
  });

  test("an oversize message is refused with 54000 before it is sent on", async () => {
    await using client = await connectWire(gatewayd);
    await client.login();
    client.send(frontendMessage("Q", `select '${"x".repeat(MAX_MESSAGE_BYTES)}'\0`));
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "54000" });
    await client.ended();
  });

  test("a message with an impossible length is refused with 08P01", async () => {
    await using client = await connectWire(gatewayd);
    await client.login();
    client.send(Buffer.from([0x51, 0, 0, 0, 3]));
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "08P01" });
    await client.ended();
  });

  test("100 logged-in and waiting clients that reset at once", async () => {
    const clients = await Promise.all(Array.from({ length: 100 }, () => connectWire(gatewayd)));
    for (const client of clients) client.startup();
    await waitFor("four clients to be served", () => {
      return clients.filter(({ received }) => received.includes("Z")).length >= 4;
    });
    for (const client of clients) client.reset();
  });
});

describe("whatever a server does, the gateway leaks nothing and does not spin", () => {
  /** A server of the test, which treats each connection as it is told. */
  async function fakeServer(treat: (socket: Socket) => void): Promise<{
    readonly address: string;
    readonly connections: () => number;
    readonly close: () => Promise<void>;
  }> {
    const sockets = new Set<Socket>();
    let accepted = 0;
    const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
      accepted++;
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
      connections: () => accepted,
      close: async () => {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => server.close(resolve));
      },
    };
  }

  /** AuthenticationOk, BackendKeyData, ReadyForQuery. */
  const GREETING = Buffer.concat([
    frontendMessage("R", Buffer.alloc(4)),
    frontendMessage("K", Buffer.from([0, 0, 0, 1, 0, 0, 0, 2])),
    frontendMessage("Z", "I"),
  ]);
  const HALF_A_ROW = frontendMessage("D", Buffer.alloc(1_000)).subarray(0, 500);

  async function loggedIn(gatewayd: GatewaydProcess): Promise<WireClient> {
    const client = await connectWire(gatewayd);
    await client.login();
    return client;
  }

  test("a server that closes in the middle of a message: the client is cut off, not lied to", async () => {
    const server = await fakeServer((socket) => {
      socket.once("data", () => {
        socket.write(GREETING);
        socket.once("data", () => socket.end(HALF_A_ROW));
      });
    });
    await using gatewayd = await startGatewayd({ config: oneBlockConfig(server.address) });
    const before = openDescriptors(gatewayd.process.pid);
    await using client = await loggedIn(gatewayd);
    client.query("select 1");
    await client.ended();
    expect(client.received.length).toBe(HALF_A_ROW.length);
    await expectSameDescriptors(gatewayd.process.pid, before);
    await expectIdle(gatewayd.process.pid);
    await gatewayd.stop();
    await server.close();
  });

  test("a server that closes between two messages: FATAL 08006", async () => {
    const server = await fakeServer((socket) => {
      socket.once("data", () => {
        socket.write(GREETING);
        socket.once("data", () => socket.destroy());
      });
    });
    await using gatewayd = await startGatewayd({ config: oneBlockConfig(server.address) });
    await using client = await loggedIn(gatewayd);
    client.query("select 1");
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "08006" });
    await client.ended();
    await expectIdle(gatewayd.process.pid);
    await gatewayd.stop();
    await server.close();
  });

  test("a server that speaks another protocol: FATAL 08P01", async () => {
    const server = await fakeServer((socket) => {
      socket.once("data", () => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
    });
    await using gatewayd = await startGatewayd({ config: oneBlockConfig(server.address) });
    await using client = await connectWire(gatewayd);
    client.startup();
    await client.ended();
    await expectIdle(gatewayd.process.pid);
    await gatewayd.stop();
    await server.close();
  });

  test("a server that never answers: the login ends after startupTimeout", async () => {
    const server = await fakeServer(() => {});
    await using gatewayd = await startGatewayd({
      config: oneBlockConfig(server.address, { server: { startupTimeout: "300ms" } }),
    });
    await using client = await connectWire(gatewayd);
    client.startup();
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "08P01" });
    await client.ended();
    await gatewayd.stop();
    await server.close();
  });

  test("a server that accepts and closes at once is not stormed, and clients are told", async () => {
    const server = await fakeServer((socket) => socket.destroy());
    await using gatewayd = await startGatewayd({
      config: oneBlockConfig(server.address, { pool: { queueTimeout: "500ms" } }),
    });
    await using client = await connectWire(gatewayd);
    client.startup();
    const { severity, code } = await client.errorResponse();
    expect(severity).toBe("FATAL");
    expect(["08001", "53300"]).toContain(code);
    await client.ended();
    await expectIdle(gatewayd.process.pid);
    const accepted = server.connections();
    const start = performance.now();
    await waitFor("another attempt", () => server.connections() > accepted);
    await waitFor("a second to pass", () => performance.now() - start > 1_000);
    expect(server.connections() - accepted).toBeLessThan(50);
    await gatewayd.stop();
    await server.close();
  });
});
