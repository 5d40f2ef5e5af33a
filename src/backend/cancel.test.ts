import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { createSecureContext, TLSSocket } from "node:tls";
import { makeCertificate, type TestCertificate } from "../../tests/fixtures/certificates.ts";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { opening } from "../../tests/fixtures/wire/index.ts";
import { freePort, waitFor } from "../../tests/kit/index.ts";
import { TimerWheel } from "../net/index.ts";
import type { Address } from "../net/index.ts";
import { sendCancelRequest } from "./index.ts";
import type { ServerEncryption } from "./index.ts";

const KEY = Uint8Array.of(0, 0, 0, 7, 1, 2, 3, 4);

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** Answers requests for TLS; `onRequest` gets what came through it. */
async function serveTls(cert: TestCertificate, onRequest: (bytes: Buffer, tls: TLSSocket) => void) {
  return await serve((socket) => {
    socket.removeAllListeners("data");
    socket.write("S");
    const tls = new TLSSocket(socket, { isServer: true, secureContext: createSecureContext(cert) });
    tls.on("error", () => {});
    tls.on("data", (bytes: Buffer) => onRequest(bytes, tls));
  });
}

async function serve(onRequest: (socket: Socket) => void) {
  const received: Buffer[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    cleanUps.push(() => socket.destroy());
    socket.on("error", () => {});
    socket.on("data", (bytes: Buffer) => {
      received.push(bytes);
      onRequest(socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanUps.push(() => server.close());
  const bound = server.address();
  const port = typeof bound === "object" ? (bound?.port ?? 0) : 0;
  const address: Address = { kind: "tcp", host: "127.0.0.1", port };
  return { address, received };
}

/** Of a connection whose certificate was trusted by this authority. */
function by(ca: string): ServerEncryption {
  return {
    server: { certificate: new Uint8Array(), names: [] },
    tls: { block: "writes", mode: "verify-full", options: () => ({ serverName: "localhost", ca }) },
  };
}

describe("a cancel request", () => {
  test("is sent on a connection of its own, and done when the server has closed it", async () => {
    const clock = new FakeClock();
    const sockets: Socket[] = [];
    const { address, received } = await serve((socket) => sockets.push(socket));
    let isDone = false;
    const sending = sendCancelRequest({ address }, KEY, new TimerWheel(clock)).then(() => {
      isDone = true;
    });
    await waitFor("the request", () => received.length > 0, { intervalMs: 1 });
    expect(Buffer.concat(received)).toEqual(Buffer.from(opening.cancelRequest(KEY)));
    expect(isDone).toBe(false);
    sockets[0]?.end();
    await sending;
    expect(isDone).toBe(true);
    expect(clock.timerCount).toBe(0);
  });

  test("is done when the server resets the connection", async () => {
    const { address } = await serve((socket) => socket.resetAndDestroy());
    await sendCancelRequest({ address }, KEY, new TimerWheel());
  });

  test("does not wait for ever for a server that keeps the connection", async () => {
    const clock = new FakeClock();
    const { address, received } = await serve(() => {});
    const sending = sendCancelRequest({ address }, KEY, new TimerWheel(clock));
    await waitFor("the request", () => received.length > 0, { intervalMs: 1 });
    clock.advance(2_010);
    expect(await sending).toBe(false);
    expect(clock.timerCount).toBe(0);
  });

  test("waits in line while 32 others are under way", async () => {
    const clock = new FakeClock();
    const timers = new TimerWheel(clock);
    const sockets: Socket[] = [];
    const { address, received } = await serve((socket) => sockets.push(socket));
    const ended: number[] = [];
    const sendings = Array.from({ length: 36 }, async (_, index) => {
      await sendCancelRequest({ address }, Uint8Array.of(0, 0, 0, index, 1, 2, 3, 4), timers);
      ended.push(index);
    });
    const arrived = (): readonly number[] => received.map((request) => request.readInt32BE(8));
    await waitFor("the first", () => received.length >= 32, { intervalMs: 1 });
    for (let next = 32; next < 36; next++) {
      expect(arrived().toSorted((a, b) => a - b)).toEqual([...Array(next).keys()]);
      sockets[next % 2 === 0 ? next - 32 : next - 1]?.end();
      await waitFor("the next", () => received.length > next, { intervalMs: 1 });
    }
    for (const socket of sockets) socket.end();
    await Promise.all(sendings);
    expect([ended.length, clock.timerCount]).toEqual([36, 0]);
  });

  test("does not wait in line for ever", async () => {
    const clock = new FakeClock();
    const timers = new TimerWheel(clock);
    const { address, received } = await serve(() => {});
    const sendings = Array.from({ length: 40 }, () => sendCancelRequest({ address }, KEY, timers));
    const outcomes = Promise.allSettled(sendings);
    await waitFor("the first", () => received.length === 32, { intervalMs: 1 });
    clock.advance(5_010);
    const statuses = (await outcomes).map(({ status }) => status);
    expect(statuses.filter((status) => status === "rejected")).toHaveLength(8);
    expect([statuses.lastIndexOf("fulfilled"), clock.timerCount]).toEqual([31, 0]);
    const other = await serve((socket) => socket.end());
    await sendCancelRequest({ address: other.address }, KEY, timers);
    expect(clock.timerCount).toBe(0);
  });

  test("is encrypted where the query's connection is", async () => {
    const certificate = makeCertificate({ commonName: "localhost" });
    const decrypted: Buffer[] = [];
    const { address, received } = await serveTls(certificate, (bytes, tls) => {
      decrypted.push(bytes);
      tls.end();
    });
    await sendCancelRequest({ address, encryption: by(certificate.cert) }, KEY, new TimerWheel());
    expect(Buffer.concat(received)).toEqual(Buffer.from(opening.sslRequest()));
    expect(Buffer.concat(decrypted)).toEqual(Buffer.from(opening.cancelRequest(KEY)));
  });

  test("is not sent to a server that shows a certificate of somebody else", async () => {
    const certificate = makeCertificate({ commonName: "localhost" });
    const decrypted: Buffer[] = [];
    const { address } = await serveTls(certificate, (bytes) => decrypted.push(bytes));
    const encryption = by(makeCertificate({ commonName: "localhost" }).cert);
    const sending = sendCancelRequest({ address, encryption }, KEY, new TimerWheel());
    await expect(sending).rejects.toMatchObject({ code: "ERR_SERVER_LOGIN" });
    expect(decrypted).toEqual([]);
  });

  test("fails when the server cannot be reached", async () => {
    const address: Address = { kind: "tcp", host: "127.0.0.1", port: await freePort() };
    await expect(sendCancelRequest({ address }, KEY, new TimerWheel())).rejects.toMatchObject({
      code: "ERR_SERVER_UNREACHABLE",
    });
  });
});
