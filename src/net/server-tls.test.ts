import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect as connectTcp, type Socket } from "node:net";
import { join } from "node:path";
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from "node:tls";
import { Recorder } from "../../tests/fixtures/recorder.ts";
import { waitFor } from "../../tests/kit/index.ts";
import { namesOf } from "./server-tls.ts";
import { TimerWheel, acceptDirectTls, listen } from "./index.ts";
import type { Connection, HandshakeResult, ServerTlsOptions } from "./index.ts";

const pem = (name: string): string =>
  readFileSync(join(import.meta.dir, "../../tests/fixtures/tls", name), "utf8");

const SERVER: ServerTlsOptions = {
  cert: pem("server.crt"),
  key: pem("server.key"),
  minVersion: "1.2",
};
const WITH_CLIENT_CA: ServerTlsOptions = { ...SERVER, clientCa: pem("ca.crt") };
const certificateOf = (name: string) => ({ cert: pem(`${name}.crt`), key: pem(`${name}.key`) });
const LARGE = new Uint8Array(8 * 1024 * 1024).map((_, index) => index % 251);
const MEBIBYTE = 1024 * 1024;
const soon = { intervalMs: 1, deadlineMs: 5_000 };

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** What became of one connection, seen from the side of the server. */
class ServerSide {
  connection: Connection | undefined;
  /** The connection has turned to TLS. */
  hasBegun = false;
  result: HandshakeResult | undefined;
  readonly heard = new Recorder();
}

/** `asked`: the connection turns to TLS before its first byte, as after an SSLRequest. */
type Way = "asked" | "direct";

async function serve(way: Way, options: ServerTlsOptions): Promise<[port: number, ServerSide]> {
  const side = new ServerSide();
  const done = (result: HandshakeResult) => {
    side.result = result;
  };
  const listener = await listen({
    address: { kind: "tcp", host: "127.0.0.1", port: 0 },
    directoryPort: 5432,
    socketMode: 0o600,
    reusePort: false,
    timers: new TimerWheel(),
    onConnection: (raw) => {
      cleanUps.push(() => raw.terminate());
      side.connection = raw;
      raw.handler = side.heard;
      if (way === "asked") {
        raw.startTls(options, done);
        side.hasBegun = true;
        return;
      }
      side.heard.onBytes = () => {
        side.heard.onBytes = () => {};
        const secure = acceptDirectTls(raw, side.heard.take(), options, done);
        secure.handler = side.heard;
        side.connection = secure;
        side.hasBegun = true;
      };
    },
  });
  cleanUps.push(() => listener.stop());
  return [Number(/:(\d+)$/.exec(listener.address)?.[1]), side];
}

async function connect(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket: Socket = connectTcp({ port, host: "127.0.0.1", allowHalfOpen: true });
  await once(socket, "connect");
  const secure = connectTls({
    socket,
    ca: pem("ca.crt"),
    servername: "localhost",
    ALPNProtocols: ["postgresql"],
    ...options,
  });
  secure.on("error", () => {});
  cleanUps.push(() => secure.destroy());
  return secure;
}

const WAYS = ["asked", "direct"] as const;

describe.each(WAYS)("TLS towards clients, %s", (way) => {
  test("carries bytes both ways, large ones too", async () => {
    const [port, side] = await serve(way, SERVER);
    const client = await connect(port);
    await once(client, "secureConnect");
    expect(client.alpnProtocol).toBe("postgresql");
    await waitFor("the handshake", () => side.result, soon);
    expect(side.result).toEqual({ kind: "done", peer: { names: [] } });
    const hash = new Bun.CryptoHasher("sha1");
    let received = 0;
    client.on("data", (bytes: Buffer) => {
      hash.update(bytes);
      received += bytes.length;
    });
    client.write(LARGE);
    side.connection?.write(LARGE);
    await waitFor("both", () => received + side.heard.byteLength === 2 * LARGE.length, soon);
    const expected = new Bun.CryptoHasher("sha1").update(LARGE).digest("hex");
    expect(hash.digest("hex")).toBe(expected);
    expect(new Bun.CryptoHasher("sha1").update(side.heard.bytes).digest("hex")).toBe(expected);
    expect(side.connection?.backlogBytes).toBe(0);
  });

  test("delivers everything written before a close", async () => {
    const [port, side] = await serve(way, SERVER);
    const client = await connect(port);
    await waitFor("the handshake", () => side.result, soon);
    let received = 0;
    client.on("data", (bytes: Buffer) => (received += bytes.length));
    side.connection?.write(LARGE);
    side.connection?.close();
    await once(client, "end");
    expect(received).toBe(LARGE.length);
    client.end();
    await waitFor("the close", () => side.heard.hasClosed, soon);
    expect(side.heard.events.filter((event) => event !== "stall")).toEqual(["close"]);
  });

  test("tells its source to stop while the client does not read, and to go on then", async () => {
    const [port, side] = await serve(way, SERVER);
    const client = await connect(port);
    await waitFor("the handshake", () => side.result, soon);
    client.pause();
    const hashes = [new Bun.CryptoHasher("sha1"), new Bun.CryptoHasher("sha1")] as const;
    let [written, received] = [0, 0];
    const chunk = LARGE.subarray(0, 256 * 1024);
    while (!side.heard.events.includes("stall") && written < 64 * MEBIBYTE) {
      side.connection?.write(chunk);
      hashes[0].update(chunk);
      written += chunk.length;
      await new Promise(setImmediate);
    }
    expect(side.heard.events).toEqual(["stall"]);
    expect(side.connection?.backlogBytes).toBeWithin(1, MEBIBYTE);
    client.on("data", (bytes: Buffer) => {
      hashes[1].update(bytes);
      received += bytes.length;
    });
    client.resume();
    await waitFor("the drain", () => side.heard.events.includes("drain"), soon);
    await waitFor("everything", () => received === written, soon);
    expect(hashes[1].digest("hex")).toBe(hashes[0].digest("hex"));
    expect(side.heard.events).toEqual(["stall", "drain"]);
    expect(side.connection?.backlogBytes).toBe(0);
  });

  test("makes the client wait while it is paused", async () => {
    const [port, side] = await serve(way, SERVER);
    const client = await connect(port);
    await waitFor("the handshake", () => side.result, soon);
    const slow = side.connection;
    slow?.pause();
    let isSent = false;
    for (let written = 0; written < 32 * MEBIBYTE; written += LARGE.length) {
      client.write(LARGE, () => (isSent = written === 24 * MEBIBYTE));
    }
    // As much as that goes through another connection meanwhile.
    const [otherPort, other] = await serve(way, SERVER);
    const otherClient = await connect(otherPort);
    for (let written = 0; written < 32 * MEBIBYTE; written += LARGE.length) {
      otherClient.write(LARGE);
    }
    await waitFor("the other", () => other.heard.byteLength === 32 * MEBIBYTE, soon);
    expect([isSent, side.heard.byteLength]).toEqual([false, 0]);
    slow?.resume();
    await waitFor("everything", () => side.heard.byteLength === 32 * MEBIBYTE, soon);
    await waitFor("the last write", () => isSent, soon);
  });

  test("is closed by halves: each side says its last byte by itself", async () => {
    const [port, side] = await serve(way, SERVER);
    const client = await connect(port, { allowHalfOpen: true } as ConnectionOptions);
    await waitFor("the handshake", () => side.result, soon);
    side.connection?.write(Buffer.from("question"));
    side.connection?.shutdown();
    client.resume();
    await once(client, "end");
    client.end("answer");
    await waitFor("the close", () => side.heard.hasClosed, soon);
    expect(side.heard.text).toBe("answer");
  });

  test("closes when a handler throws, and says why", async () => {
    const [port, side] = await serve(way, SERVER);
    const client = await connect(port);
    await waitFor("the handshake", () => side.result, soon);
    side.heard.onBytes = () => {
      throw new Error("broken");
    };
    client.write("x");
    await waitFor("the close", () => side.heard.hasClosed, soon);
    expect(side.heard.events).toEqual(["close: broken"]);
  });

  test("closes when the client leaves", async () => {
    const [port, side] = await serve(way, SERVER);
    const client = await connect(port);
    await waitFor("the handshake", () => side.result, soon);
    client.destroy();
    await waitFor("the end", () => side.heard.hasEnded || side.heard.hasClosed, soon);
    side.connection?.close();
    await waitFor("the close", () => side.heard.hasClosed, soon);
    expect(side.connection?.isOpen).toBe(false);
  });

  test("tells the names in a client's certificate", async () => {
    const [port, side] = await serve(way, WITH_CLIENT_CA);
    await connect(port, certificateOf("client"));
    await waitFor("the handshake", () => side.result, soon);
    expect(side.result).toEqual({ kind: "done", peer: { names: ["postgres"] } });
  });

  test.each([
    ["shows no certificate", {}],
    ["shows a certificate of a stranger", certificateOf("stranger")],
    ["speaks too old a version", { maxVersion: "TLSv1.2", ...certificateOf("client") }],
  ] satisfies readonly (readonly [string, ConnectionOptions])[])(
    "closes on a client that %s",
    async (_, options) => {
      const [port, side] = await serve(way, { ...WITH_CLIENT_CA, minVersion: "1.3" });
      await connect(port, options);
      await waitFor("the failure", () => side.result, soon);
      expect(side.result).toMatchObject({ kind: "failed" });
      await waitFor("the close", () => side.heard.hasClosed, soon);
      expect(side.heard.text).toBe("");
      expect(side.connection?.isOpen).toBe(false);
    },
  );

  test("closes on a client that does not speak TLS", async () => {
    const [port, side] = await serve(way, SERVER);
    const client = connectTcp({ port, host: "127.0.0.1" });
    client.on("error", () => {});
    cleanUps.push(() => client.destroy());
    client.write("\x16this is no ClientHello at all, however long it goes on");
    await waitFor("the failure", () => side.result?.kind === "failed", soon);
    await waitFor("the close", () => side.heard.hasClosed, soon);
    expect(side.heard.events.filter((event) => event.startsWith("close"))).toHaveLength(1);
  });

  test("says that the handshake failed when the client leaves in the middle", async () => {
    const [port, side] = await serve(way, SERVER);
    const client = connectTcp({ port, host: "127.0.0.1" });
    cleanUps.push(() => client.destroy());
    client.write(Uint8Array.of(0x16, 3, 1, 2, 0, 1));
    // Cut before that, the connection has no handshake that could fail.
    await waitFor("the beginning", () => side.hasBegun, soon);
    client.destroy();
    side.connection?.terminate();
    await waitFor("the failure", () => side.result, soon);
    expect(side.result).toMatchObject({ kind: "failed" });
    expect(side.heard.hasClosed).toBe(true);
  });
});

describe("direct TLS", () => {
  test.each([
    ["no protocol", {}],
    ["another protocol", { ALPNProtocols: ["h2"] }],
  ] as const)("is refused to a client that names %s", async (_, options) => {
    const [port, side] = await serve("direct", SERVER);
    await connect(port, { ALPNProtocols: [], ...options });
    await waitFor("the failure", () => side.result, soon);
    expect(side.result).toMatchObject({ kind: "failed" });
    await waitFor("the close", () => side.heard.hasClosed, soon);
  });
});

describe("the names in a certificate", () => {
  test.each([
    ["none", undefined, []],
    ["nothing", {}, []],
    ["a common name", { subject: { CN: "alice" } }, ["alice"]],
    [
      "alternatives",
      { subjectaltname: "DNS:a.example, IP Address:127.0.0.1, email:x@y" },
      ["a.example", "x@y"],
    ],
  ])("are those of %s", (_, certificate, names) => {
    expect(namesOf(certificate as never)).toEqual(names);
  });
});
