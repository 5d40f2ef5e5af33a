import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer, type Server, type Socket } from "node:net";
import fc from "fast-check";
import { BackendWriter, readyForQuery } from "../../src/postgres/index.ts";
import { SEED, SEED_HINT, times } from "../fixtures/test-size.ts";
import {
  anyHostileStream,
  BARE_MESSAGES,
  CLIENT_MESSAGES,
  message,
  SERVER_MESSAGES,
} from "../fixtures/wire/index.ts";
import {
  connectWire,
  expectIdle,
  type GatewaydProcess,
  oneBlockConfig,
  openDescriptors,
  type PostgresServer,
  residentMiB,
  startGatewayd,
  startPostgres,
  startupPacket,
  waitFor,
} from "../kit/index.ts";

const ROUNDS = times(120, 20_000);
const AT_ONCE = 8;
const MAX_GROWTH_MIB = 48;
const READY = readyForQuery(0x49);

const COPY_MESSAGES = [message("d", Buffer.from("data")), message("c"), message("f", "no")];

const anyClientStream = anyHostileStream(CLIENT_MESSAGES, [
  ...BARE_MESSAGES.client,
  ...COPY_MESSAGES,
]);
const anyServerStream = anyHostileStream(SERVER_MESSAGES, [
  ...BARE_MESSAGES.server,
  ...COPY_MESSAGES,
  Buffer.from(READY),
]);

/** So many streams, the same for the same seed. */
function samples(streams: typeof anyClientStream): readonly (readonly Uint8Array[])[] {
  return fc.sample(streams, { numRuns: ROUNDS, seed: SEED });
}

/** A server that lets everybody in, and then says one hostile stream to whatever it is asked. */
class HostileServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #streams: Iterator<readonly Uint8Array[]>;
  readonly #sockets = new Set<Socket>();

  constructor(streams: readonly (readonly Uint8Array[])[]) {
    this.#streams = streams[Symbol.iterator]();
    this.#server = createServer((socket) => this.#accept(socket));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    if (address === null || typeof address === "string") throw new Error("no port");
    return `127.0.0.1:${address.port}`;
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    let isLoggedIn = false;
    let questions = 0;
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("data", (bytes) => {
      if (!isLoggedIn) {
        isLoggedIn = true;
        const writer = new BackendWriter().authenticationOk();
        writer.parameterStatus("client_encoding", "UTF8");
        writer.backendKeyData({ processId: 1, secretKey: Buffer.alloc(4) });
        socket.write(Buffer.concat([writer.take(), READY]));
        return;
      }
      // What the gateway asks for a greeting is answered: the client gets in.
      if (bytes.includes("pg_settings") && questions++ === 0) {
        socket.write(Buffer.concat([message("C", "SELECT 0"), READY]));
        return;
      }
      for (const chunk of this.#streams.next().value ?? []) socket.write(chunk);
      socket.end();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

async function startIn(mode: string, address: string): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: oneBlockConfig(address, {
      pool: { mode, size: 4 },
      server: { auth: { method: "trust" }, maxMessageBytes: 64 * 1024 },
    }),
  });
}

/** Does one thing after the other, so many side by side. */
async function eachOf<Item>(items: readonly Item[], act: (item: Item) => Promise<void>) {
  const left = items.values();
  const worker = async (): Promise<void> => {
    for (const item of left) await act(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** Nothing is left of it, and the gateway sleeps. */
async function expectAtRest(gatewayd: GatewaydProcess, sockets: number): Promise<void> {
  const { pid } = gatewayd.process;
  await waitFor("all connections of clients to be gone", () => openDescriptors(pid).sockets, {
    until: (now) => now <= sockets,
    deadlineMs: 20_000,
  });
  await expectIdle(pid);
}

describe.each(["session", "transaction", "statement"])("a gateway in mode %s", (mode) => {
  let postgres: PostgresServer;
  let gatewayd: GatewaydProcess;

  beforeAll(async () => {
    postgres = await startPostgres();
    gatewayd = await startIn(mode, postgres.address);
  }, 60_000);
  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  });

  test(`survives hostile clients (${SEED_HINT})`, async () => {
    const before = openDescriptors(gatewayd.process.pid).sockets;
    let startMiB = 0;
    await eachOf([...samples(anyClientStream).entries()], async ([round, chunks]) => {
      await using client = await connectWire(gatewayd);
      await client.login();
      for (const chunk of chunks) client.send(chunk);
      client.send(message("S"));
      client.end();
      await client.ended();
      if (round === ROUNDS >> 2) startMiB = residentMiB(gatewayd.process.pid);
    });
    // The pool keeps its four connections.
    await expectAtRest(gatewayd, before + 4);
    expect(residentMiB(gatewayd.process.pid) - startMiB).toBeLessThan(MAX_GROWTH_MIB);
    await using next = await connectWire(gatewayd);
    await next.login();
    next.query("select 'served'");
    expect((await next.messagesUntil("Z")).map(({ type }) => type).join("")).toBe("TDCZ");
  });

  test(`survives a hostile server (${SEED_HINT})`, async () => {
    await using server = new HostileServer(samples(anyServerStream));
    await using odd = await startIn(mode, await server.listen());
    const before = openDescriptors(odd.process.pid).sockets;
    await eachOf(Array.from({ length: ROUNDS }), async () => {
      await using client = await connectWire(odd);
      client.send(startupPacket({ user: "postgres", database: "postgres" }));
      client.send(message("Q", "select 1"));
      // It hears something or nothing; what counts is the gateway.
      await waitFor("an answer", () => client.received.length > 0 || client.hasEnded);
      client.send(message("X"));
      client.end();
      await client.ended(20_000);
    });
    await expectAtRest(odd, before + 4);
    await odd.stop();
  });
});
