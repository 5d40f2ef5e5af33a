import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { makeCertificate, type TestCertificate } from "../../tests/fixtures/certificates.ts";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { Recorder } from "../../tests/fixtures/recorder.ts";
import { opening } from "../../tests/fixtures/wire/index.ts";
import { waitFor } from "../../tests/kit/index.ts";
import { GatewayError } from "../errors.ts";
import { dial, memoryPair, TimerWheel } from "../net/index.ts";
import type { Connection, TlsServer } from "../net/index.ts";
import { negotiateTls } from "./index.ts";
import type { NegotiateTlsOptions, ServerTlsMode } from "./index.ts";

const ENCRYPTED_MODES = ["prefer", "require", "verify-ca", "verify-full"] as const;
const soon = { intervalMs: 1, deadlineMs: 5_000 };
const authority = makeCertificate({ commonName: "test authority", isAuthority: true });
const good = makeCertificate({
  commonName: "localhost",
  dnsNames: ["localhost"],
  issuer: authority,
});

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function negotiate(connection: Connection, options: Partial<NegotiateTlsOptions>) {
  const [lender, clock] = [new Recorder(), new FakeClock()];
  const settled: (TlsServer | Error | "plain")[] = [];
  connection.handler = lender;
  negotiateTls(connection, {
    block: "writes",
    tlsMode: "require",
    tls: { serverName: "localhost", ca: authority.cert },
    timeoutMs: 5_000,
    timers: new TimerWheel(clock),
    ...options,
  }).then(
    (tls) => settled.push(tls ?? "plain"),
    (error: Error) => settled.push(error),
  );
  return { connection, lender, clock, settled };
}

type Negotiation = ReturnType<typeof negotiate>;

function inMemory(tlsMode: ServerTlsMode, more: Partial<NegotiateTlsOptions> = {}) {
  const [connection, server] = memoryPair();
  const heard = new Recorder();
  server.handler = heard;
  return { ...negotiate(connection, { tlsMode, ...more }), server, heard };
}

function expectFailure(
  { settled, connection, clock, lender }: Negotiation,
  code: string,
  words: string,
) {
  expect(settled).toHaveLength(1);
  const [error] = settled;
  if (!(error instanceof GatewayError)) throw new Error("it has not failed");
  expect([error.code, error.message]).toEqual([code, expect.stringContaining(words)]);
  expect(error.message).toStartWith('block "writes": ');
  expect([connection.isOpen, clock.timerCount]).toEqual([false, 0]);
  expect(lender.events.filter((event) => event.startsWith("close"))).toHaveLength(1);
}

describe("asking a server for TLS", () => {
  test("is left out where it is disabled", async () => {
    const asked = inMemory("disable");
    await settle();
    expect([asked.settled, asked.heard.byteLength]).toEqual([["plain"], 0]);
    expect(asked.connection.handler).toBe(asked.lender);
  });

  test("ends in plain text when the server has none and it is only preferred", async () => {
    const asked = inMemory("prefer");
    await settle();
    expect(asked.heard.bytes).toEqual(opening.sslRequest());
    asked.server.write(Buffer.from("N"));
    await settle();
    expect([asked.settled, asked.clock.timerCount]).toEqual([["plain"], 0]);
    expect(asked.connection.handler).toBe(asked.lender);
  });

  test.each(["require", "verify-ca", "verify-full"] as const)(
    "fails when the server has none under %s",
    async (tlsMode) => {
      const asked = inMemory(tlsMode);
      asked.server.write(Buffer.from("N"));
      await settle();
      expectFailure(asked, "ERR_SERVER_LOGIN", `no TLS, which tlsMode ${tlsMode} asks for`);
    },
  );

  const ODD: readonly (readonly [string, string])[] = [
    ["Nmore", "more than S or N"],
    ["Smore", "more than S or N"],
    ["S\x16\x03\x03", "more than S or N"],
    ["E\0\0\0\x05\0", "byte 69"],
    ["HTTP/1.1 400", "byte 72"],
    ["s", "byte 115"],
  ];
  test.each(ENCRYPTED_MODES)("trusts no other answer under %s", async (tlsMode) => {
    for (const [answer, words] of ODD) {
      const asked = inMemory(tlsMode);
      asked.server.write(Buffer.from(answer, "latin1"));
      await settle();
      expectFailure(asked, "ERR_SERVER_LOGIN", words);
    }
  });

  test("does not wait for an answer for ever", async () => {
    const asked = inMemory("prefer");
    await settle();
    asked.clock.advance(5_010);
    await settle();
    expectFailure(asked, "ERR_SERVER_TIMEOUT", "negotiating TLS within 5000 ms");
  });

  test.each(["close", "shutdown", "terminate"] as const)(
    "fails when the server leaves by %s",
    async (way) => {
      const asked = inMemory("prefer");
      asked.server[way]();
      await settle();
      expectFailure(asked, "ERR_SERVER_LOST", "closed the connection while negotiating TLS");
    },
  );

  test("is given up by its owner", async () => {
    const owner = new AbortController();
    const asked = inMemory("prefer", { signal: owner.signal });
    await settle();
    owner.abort();
    await settle();
    expectFailure(asked, "ERR_SHUTTING_DOWN", "given up");
  });
});

describe("a server that says S", () => {
  /** Dials a server that answers the request, and then does as it is told with the socket. */
  async function overSockets(
    options: Partial<NegotiateTlsOptions>,
    onAnswered: (socket: Socket) => void,
  ) {
    const server = createServer((socket) => {
      cleanUps.push(() => socket.destroy());
      socket.on("error", () => {});
      socket.once("data", () => {
        socket.write("S");
        onAnswered(socket);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    cleanUps.push(() => server.close());
    const bound = server.address();
    const port = typeof bound === "object" ? (bound?.port ?? 0) : 0;
    const address = { kind: "tcp", host: "127.0.0.1", port } as const;
    const timers = new TimerWheel();
    const { connection } = await dial({ address, timeoutMs: 5_000, keepAliveMs: 0, timers });
    cleanUps.push(() => connection.terminate());
    return negotiate(connection, options);
  }

  const encryptAs =
    ({ cert, key }: TestCertificate) =>
    (socket: Socket): void => {
      const secureContext = createSecureContext({ cert, key });
      const secure = new TLSSocket(socket, { isServer: true, secureContext });
      secure.on("error", () => {});
      secure.on("data", (bytes: Buffer) => secure.write(`heard ${bytes.toString()}`));
    };

  test.each(ENCRYPTED_MODES)("is encrypted with under %s", async (tlsMode) => {
    const asked = await overSockets({ tlsMode }, encryptAs(good));
    await waitFor("the end", () => asked.settled[0], soon);
    expect(asked.settled).toMatchObject([{ names: ["localhost", "localhost"] }]);
    expect([asked.clock.timerCount, asked.connection.handler]).toEqual([0, asked.lender]);
    asked.connection.write(Buffer.from("startup"));
    await waitFor("the echo", () => asked.lender.text === "heard startup", soon);
  });

  const self = makeCertificate({ commonName: "localhost" });
  const elsewhere = makeCertificate({ commonName: "elsewhere", issuer: authority });
  test.each([
    ["prefer", self, "done"],
    ["require", self, "done"],
    ["verify-ca", self, "self signed certificate"],
    ["verify-full", self, "self signed certificate"],
    ["prefer", elsewhere, "done"],
    ["require", elsewhere, "done"],
    ["verify-ca", elsewhere, "done"],
    ["verify-full", elsewhere, 'not for "localhost" but for CN=elsewhere'],
  ] as const)("is judged under %s by its certificate", async (tlsMode, shown, outcome) => {
    const asked = await overSockets({ tlsMode }, encryptAs(shown));
    await waitFor("the end", () => asked.settled[0], soon);
    if (outcome !== "done") expectFailure(asked, "ERR_SERVER_LOGIN", outcome);
    else expect(asked.settled[0]).toHaveProperty("certificate");
  });

  test.each([
    ["leaves", ""],
    ["goes on in plain text", "R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I"],
  ])("and %s is no server to go on with, although TLS is only preferred", async (_, words) => {
    const asked = await overSockets({ tlsMode: "prefer" }, (socket) => {
      // Behind the ClientHello, so that it does not arrive together with the answer.
      socket.once("data", () => socket.end(words));
    });
    await waitFor("the end", () => asked.settled[0], soon);
    expectFailure(asked, "ERR_SERVER_LOGIN", "TLS with the server: ");
  });

  test("and is silent then is left after a while", async () => {
    let hasBegun = false;
    const asked = await overSockets({}, (socket) => {
      socket.once("data", () => (hasBegun = true));
    });
    await waitFor("the ClientHello", () => hasBegun, soon);
    asked.clock.advance(5_010);
    await waitFor("the end", () => asked.settled[0], soon);
    expectFailure(asked, "ERR_SERVER_TIMEOUT", "negotiating TLS within 5000 ms");
  });
});
