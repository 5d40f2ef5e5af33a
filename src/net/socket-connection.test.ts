import { afterEach, describe, expect, test } from "bun:test";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { Recorder } from "../../tests/fixtures/recorder.ts";
import { expectSameDescriptors, openDescriptors, waitFor } from "../../tests/kit/index.ts";
import { CLOSE_LINGER_MS, CLOSE_STALL_MS } from "./connection.ts";
import { TimerWheel, listen } from "./index.ts";
import type { Connection } from "./index.ts";

const MEBIBYTE = 1024 * 1024;

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** A listener, and what it accepted so far; its deadlines run on a clock that stands still. */
async function setUp() {
  const clock = new FakeClock();
  /** By the address of the client. */
  const accepted = new Map<string, Connection>();
  const listener = await listen({
    address: { kind: "tcp", host: "127.0.0.1", port: 0 },
    directoryPort: 5432,
    socketMode: 0o600,
    reusePort: false,
    timers: new TimerWheel(clock),
    onConnection: (connection) => void accepted.set(connection.remoteAddress, connection),
  });
  cleanUps.push(() => listener.stop());
  const port = Number(/:(\d+)$/.exec(listener.address)?.[1]);

  /** A plain socket, and the connection that was accepted for it. */
  const meet = async (): Promise<{ peer: Socket; connection: Connection; heard: Recorder }> => {
    const peer = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    peer.on("error", () => {});
    cleanUps.push(() => peer.destroy());
    await once(peer, "connect");
    const address = `127.0.0.1:${peer.localPort}`;
    const connection = await waitFor("the accept", () => accepted.get(address), { intervalMs: 1 });
    if (connection === undefined) throw new Error("nothing was accepted");
    cleanUps.push(() => connection.terminate());
    const heard = new Recorder();
    connection.handler = heard;
    return { peer, connection, heard };
  };
  return { clock, accepted, meet };
}

const closed = (heard: Recorder) => waitFor("the close", () => heard.hasClosed, { intervalMs: 1 });

describe("a connection over a socket", () => {
  test("delivers 32 MiB intact to a reader that stops again and again", async () => {
    const { meet } = await setUp();
    const { peer, connection, heard } = await meet();
    const hashes = [new Bun.CryptoHasher("sha1"), new Bun.CryptoHasher("sha1")] as const;
    let received = 0;
    peer.on("data", (bytes: Buffer) => {
      hashes[1].update(bytes);
      received += bytes.length;
      peer.pause();
      setImmediate(() => peer.resume());
    });
    for (let index = 0; index < 1024; index++) {
      const chunk = new Uint8Array(32 * 1024).fill(index);
      hashes[0].update(chunk);
      connection.write(chunk);
    }
    await waitFor("32 MiB", () => received === 32 * MEBIBYTE);
    expect(hashes[1].digest("hex")).toBe(hashes[0].digest("hex"));
    expect(heard.events).toEqual(["stall", "drain"]);
  });

  test("names both ends", async () => {
    const { meet } = await setUp();
    const { peer, connection } = await meet();
    expect(connection.remoteAddress).toBe(`127.0.0.1:${peer.localPort}`);
    expect(connection.localAddress).toBe(`127.0.0.1:${peer.remotePort}`);
  });

  test("cuts off a peer that does not finish in time after a close", async () => {
    const { clock, meet } = await setUp();
    const { peer, connection, heard } = await meet();
    const ended = once(peer, "end");
    peer.resume();
    connection.close();
    await ended;
    clock.advance(CLOSE_LINGER_MS - 10);
    expect(heard.events).toEqual([]);
    clock.advance(20);
    expect(heard.events).toEqual(["close"]);
    expect(connection.isOpen).toBe(false);
    expect(clock.timerCount).toBe(0);
  });

  test("leaves what the kernel holds to the kernel when its time after a close is up", async () => {
    const { clock, meet } = await setUp();
    const { peer, connection, heard } = await meet();
    peer.pause();
    let received = 0;
    // Taken whole by the kernel, but too much for the peer's own buffer.
    const size = 1.5 * MEBIBYTE;
    connection.write(new Uint8Array(size));
    connection.close();
    expect(connection.backlogBytes).toBe(0);
    clock.advance(CLOSE_LINGER_MS + 10);
    expect(heard.events).toEqual(["close"]);
    peer.on("data", (bytes: Buffer) => (received += bytes.length));
    const ended = once(peer, "end");
    peer.resume();
    await ended;
    expect(received).toBe(size);
  });

  test("waits after a close for as long as its peer goes on reading", async () => {
    const { clock, meet } = await setUp();
    const { peer, connection, heard } = await meet();
    peer.pause();
    let received = 0;
    connection.write(new Uint8Array(48 * MEBIBYTE));
    connection.close();
    expect(connection.backlogBytes).toBeGreaterThan(0);
    peer.on("data", (bytes: Buffer) => {
      received += bytes.length;
      peer.pause();
    });
    let waits = 0;
    for (let left = connection.backlogBytes; left > 0; left = connection.backlogBytes) {
      clock.advance(CLOSE_STALL_MS - 20);
      expect(heard.events).toEqual(["stall"]);
      waits++;
      await waitFor("room", () => peer.resume() && connection.backlogBytes < left, {
        intervalMs: 0,
      });
    }
    expect(waits).toBeGreaterThan(1);
    peer.removeAllListeners("data").on("data", (bytes: Buffer) => (received += bytes.length));
    const ended = once(peer, "end");
    peer.resume();
    await ended;
    expect(received).toBe(48 * MEBIBYTE);
    peer.end();
    await closed(heard);
    expect(clock.timerCount).toBe(0);
  });

  test("cuts off a peer that does not read what is left for it", async () => {
    const { clock, meet } = await setUp();
    const { peer, connection, heard } = await meet();
    peer.pause();
    connection.write(new Uint8Array(32 * MEBIBYTE));
    connection.close();
    clock.advance(CLOSE_STALL_MS - 10);
    expect(heard.hasClosed).toBe(false);
    clock.advance(20);
    expect(heard.hasClosed).toBe(true);
    expect(clock.timerCount).toBe(0);
  });

  test("keeps no timer after an orderly close", async () => {
    const { clock, meet } = await setUp();
    const { peer, connection, heard } = await meet();
    connection.close();
    expect(clock.timerCount).toBe(1);
    peer.end();
    peer.resume();
    await closed(heard);
    expect(heard.events).toEqual(["close"]);
    expect(clock.timerCount).toBe(0);
  });

  test("reports a reset as an error", async () => {
    const { meet } = await setUp();
    const { peer, heard } = await meet();
    peer.resetAndDestroy();
    await closed(heard);
    expect(heard.events).toEqual([expect.stringContaining("close: ECONNRESET")]);
  });

  test("is cut off when far too much piles up for its peer", async () => {
    const { meet } = await setUp();
    const { peer, connection, heard } = await meet();
    peer.pause();
    const chunk = new Uint8Array(MEBIBYTE);
    for (let written = 0; written <= 257 && connection.isOpen; written++) connection.write(chunk);
    expect(heard.events.at(-1)).toBe("close: the write queue of a connection overflowed");
    expect(connection.backlogBytes).toBe(0);
  });

  test("takes a single message of any size, and what follows it", async () => {
    const { meet } = await setUp();
    const { peer, connection } = await meet();
    let received = 0;
    peer.on("data", (bytes: Buffer) => (received += bytes.length));
    connection.write(Buffer.from("first"));
    connection.write(new Uint8Array(300 * MEBIBYTE));
    connection.write(Buffer.from("last"));
    expect(connection.isOpen).toBe(true);
    await waitFor("all", () => received === 300 * MEBIBYTE + 9, { intervalMs: 1 });
  });

  test.each(["onStall", "onDrain"] as const)("closes alone when %s throws", async (method) => {
    const { meet } = await setUp();
    const [one, other] = [await meet(), await meet()];
    one.heard[method] = () => {
      throw new Error("broken");
    };
    one.peer.pause();
    one.connection.write(new Uint8Array(16 * MEBIBYTE));
    if (method === "onDrain") one.peer.resume();
    await closed(one.heard);
    expect(one.heard.events.at(-1)).toBe("close: broken");
    other.peer.write("still here");
    await waitFor("the other one", () => other.heard.text === "still here");
  });

  const ENDINGS: Readonly<Record<string, (peer: Socket, connection: Connection) => void>> = {
    "a close of ours, then theirs": (peer, connection) => {
      connection.close();
      peer.resume();
      peer.once("end", () => peer.end());
    },
    "an end of theirs, then a close of ours": (peer, connection) => {
      connection.handler = { ...connection.handler, onEnd: () => connection.close() };
      peer.resume();
      peer.end("bye");
    },
    "a termination of ours": (_, connection) => connection.terminate(),
    "a reset of theirs": (peer) => peer.resetAndDestroy(),
    "a reset during a close": (peer, connection) => {
      connection.write(new Uint8Array(MEBIBYTE));
      connection.close();
      peer.resetAndDestroy();
    },
    "a termination during a close": (peer, connection) => {
      peer.pause();
      connection.write(new Uint8Array(8 * MEBIBYTE));
      connection.close();
      connection.terminate();
      connection.terminate();
    },
    "an error in a handler": (peer, connection) => {
      connection.handler = {
        ...connection.handler,
        onData: () => {
          throw new Error("broken");
        },
      };
      peer.write("x");
    },
  };

  test.each(Object.entries(ENDINGS))("tells of its end exactly once: %s", async (_, end) => {
    const { clock, meet } = await setUp();
    const { peer, connection } = await meet();
    let closes = 0;
    connection.handler = {
      onData() {},
      onStall() {},
      onDrain() {},
      onEnd() {},
      onClose: () => closes++,
    };
    end(peer, connection);
    await waitFor("the close", () => closes > 0, { intervalMs: 1 });
    peer.destroy();
    // What is still under way for this socket comes before another one has met.
    const other = await meet();
    expect(closes).toBe(1);
    expect(connection.isOpen).toBe(false);
    // It has come lately, and is waited for to stay.
    other.connection.terminate();
    expect(clock.timerCount).toBe(0);
  });

  test("leaves nothing behind after 1,000 rounds", async () => {
    const { clock, accepted, meet } = await setUp();
    const first = await meet();
    const before = openDescriptors(process.pid);
    const ways = Object.values(ENDINGS).filter((_, index) => index < 4);
    for (let round = 0; round < 1_000; round += 20) {
      const met = await Promise.all(Array.from({ length: 20 }, meet));
      for (const [index, { peer, connection }] of met.entries()) {
        ways[index % ways.length]?.(peer, connection);
      }
      await waitFor("the closes", () => met.every(({ connection }) => !connection.isOpen), {
        intervalMs: 1,
      });
      for (const { peer } of met) peer.destroy();
    }
    expect([...accepted.values()].filter(({ isOpen }) => isOpen)).toHaveLength(1);
    await expectSameDescriptors(process.pid, before);
    first.connection.terminate();
    expect(clock.timerCount).toBe(0);
  }, 20_000);
});
