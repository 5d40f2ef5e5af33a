import { afterEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Recorder } from "../../tests/fixtures/recorder.ts";
import { waitFor } from "../../tests/kit/index.ts";
import { TimerWheel, dial, listen, memoryPair } from "./index.ts";
import type { Address, Connection } from "./index.ts";

/** Two ends of one connection, each with a recorder. */
interface Pair {
  readonly left: Connection;
  readonly right: Connection;
  readonly leftHeard: Recorder;
  readonly rightHeard: Recorder;
  /** Makes the right end, or its kernel, take nothing more from the left one. */
  readonly block: () => void;
  readonly unblock: () => void;
}

/** More than the kernel's buffers of a connection take. */
const LARGE = new Uint8Array(16 * 1024 * 1024).map((_, index) => index % 251);

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

function record(left: Connection, right: Connection): Omit<Pair, "block" | "unblock"> {
  const [leftHeard, rightHeard] = [new Recorder(), new Recorder()];
  left.handler = leftHeard;
  right.handler = rightHeard;
  cleanUps.push(
    () => left.terminate(),
    () => right.terminate(),
  );
  return { left, right, leftHeard, rightHeard };
}

async function inMemory(): Promise<Pair> {
  const [left, right] = memoryPair();
  return {
    ...record(left, right),
    block: () => {
      left.isBlocked = true;
    },
    unblock: () => {
      left.isBlocked = false;
    },
  };
}

async function overSockets(address: Address): Promise<Pair> {
  const timers = new TimerWheel();
  const { promise: accepted, resolve: onConnection } = Promise.withResolvers<Connection>();
  const listener = await listen({
    address,
    directoryPort: 5432,
    socketMode: 0o600,
    reusePort: false,
    timers,
    onConnection,
  });
  const port = Number(/:(\d+)$/.exec(listener.address)?.[1]);
  const target = address.kind === "tcp" ? { ...address, port } : address;
  const dialled = await dial({ address: target, timeoutMs: 5_000, keepAliveMs: 0, timers });
  const right = await accepted;
  cleanUps.push(() => listener.stop());
  return {
    ...record(dialled.connection, right),
    block: () => right.pause(),
    unblock: () => right.resume(),
  };
}

const KINDS: Readonly<Record<string, () => Promise<Pair>>> = {
  memory: inMemory,
  tcp: () => overSockets({ kind: "tcp", host: "127.0.0.1", port: 0 }),
  unix: async () => {
    const directory = await mkdtemp(join(tmpdir(), "gatewayd-net-"));
    cleanUps.push(() => rm(directory, { recursive: true }));
    return overSockets({ kind: "unix", path: join(directory, "socket") });
  },
};

const soon = { intervalMs: 1, deadlineMs: 5_000 };
const bytesOf = (text: string): Buffer => Buffer.from(text);
const isClosed = (heard: Recorder) => waitFor("the close", () => heard.hasClosed, soon);
const hears = (heard: Recorder, text: string) =>
  waitFor(`"${text}"`, () => heard.text, { ...soon, until: (now) => now === text });

describe.each(Object.entries(KINDS))("a connection over %s", (_, connect) => {
  test("carries bytes both ways, in order", async () => {
    const { left, right, leftHeard, rightHeard } = await connect();
    for (let index = 0; index < 10; index++) {
      left.write(bytesOf(`${index}`));
      right.write(bytesOf(`${9 - index}`));
    }
    await hears(rightHeard, "0123456789");
    await hears(leftHeard, "9876543210");
  });

  test("sends parts of bytes through, in order with what is queued", async () => {
    const { left, rightHeard } = await connect();
    left.writeThrough(bytesOf("(one)"), 1, 4);
    left.write(bytesOf("two"));
    left.writeThrough(bytesOf("(three)"), 1, 6);
    await hears(rightHeard, "onetwothree");
  });

  test("sends the rest of a part when there is room again", async () => {
    const { left, leftHeard, rightHeard, block, unblock } = await connect();
    block();
    left.writeThrough(Buffer.concat([bytesOf("("), LARGE, bytesOf("end)")]), 1, LARGE.length + 4);
    await waitFor("the stall", () => leftHeard.events.includes("stall"), soon);
    unblock();
    await waitFor("the end", () => rightHeard.byteLength === LARGE.length + 3, soon);
    const expected = Buffer.concat([LARGE, bytesOf("end")]);
    expect(rightHeard.bytes.equals(expected)).toBe(true);
  });

  test("reports a stall once, and that all is sent once", async () => {
    const { left, leftHeard, rightHeard, block, unblock } = await connect();
    block();
    left.write(LARGE);
    await waitFor("the stall", () => leftHeard.events.includes("stall"), soon);
    left.write(bytesOf("the end"));
    expect(left.backlogBytes).toBeGreaterThan(0);
    unblock();
    await waitFor("everything", () => rightHeard.byteLength === LARGE.length + 7, soon);
    await waitFor("the drain", () => leftHeard.events.includes("drain"), soon);
    expect(leftHeard.events).toEqual(["stall", "drain"]);
    expect(left.backlogBytes).toBe(0);
    const expected = Buffer.concat([LARGE, bytesOf("the end")]);
    expect(Bun.hash(rightHeard.bytes)).toBe(Bun.hash(expected));
  });

  test("hands nothing to a paused reader until it goes on, the end included", async () => {
    const { left, right, leftHeard, rightHeard } = await connect();
    right.pause();
    left.write(bytesOf("later"));
    left.shutdown();
    right.write(bytesOf("passed"));
    await hears(leftHeard, "passed");
    expect([rightHeard.text, ...rightHeard.events]).toEqual([""]);
    right.resume();
    await hears(rightHeard, "later");
    await waitFor("the end", () => rightHeard.hasEnded, soon);
    expect(rightHeard.events).toEqual(["end"]);
  });

  test("lets a reader pause from inside its handler", async () => {
    const { left, right, rightHeard } = await connect();
    rightHeard.onBytes = () => right.pause();
    left.write(bytesOf("one"));
    await hears(rightHeard, "one");
    left.write(bytesOf(" two"));
    right.resume();
    await hears(rightHeard, "one two");
  });

  test("is closed by halves: each side says its last byte by itself", async () => {
    const { left, right, leftHeard, rightHeard } = await connect();
    left.write(bytesOf("question"));
    left.shutdown();
    await waitFor("the end", () => rightHeard.hasEnded, soon);
    expect(rightHeard.text).toBe("question");
    right.write(bytesOf("answer"));
    await hears(leftHeard, "answer");
    expect([left.isOpen, right.isOpen]).toEqual([true, true]);
    right.shutdown();
    await isClosed(leftHeard);
    await isClosed(rightHeard);
    expect(leftHeard.events.at(-1)).toBe("close");
    expect(rightHeard.events).toEqual(["end", "close"]);
    expect([left.isOpen, right.isOpen]).toEqual([false, false]);
  });

  test("delivers everything written before a close, large or small", async () => {
    const { left, right, leftHeard, rightHeard } = await connect();
    right.pause();
    left.write(LARGE);
    left.write(bytesOf("the end"));
    left.close();
    right.resume();
    await waitFor("the end", () => rightHeard.hasEnded, soon);
    expect(rightHeard.byteLength).toBe(LARGE.length + 7);
    right.close();
    await isClosed(leftHeard);
    await isClosed(rightHeard);
    expect(leftHeard.events.filter((event) => event !== "stall")).toEqual(["close"]);
  });

  test("hears nothing but the end of it after its own close", async () => {
    const { left, right, leftHeard, rightHeard } = await connect();
    left.close();
    right.write(bytesOf("too late"));
    await waitFor("the end", () => rightHeard.hasEnded, soon);
    right.write(bytesOf("still too late"));
    right.close();
    await isClosed(leftHeard);
    expect([leftHeard.text, ...leftHeard.events]).toEqual(["", "close"]);
  });

  test("hears the end of it although it was paused when it closed", async () => {
    const { left, right, leftHeard } = await connect();
    left.pause();
    right.write(bytesOf("unread"));
    left.close();
    right.close();
    await isClosed(leftHeard);
    expect([leftHeard.text, ...leftHeard.events]).toEqual(["", "close"]);
  });

  test("tells its own side of a termination at once, and the other side soon", async () => {
    const { left, leftHeard, rightHeard } = await connect();
    left.write(LARGE);
    left.terminate();
    expect(leftHeard.events).toEqual(["close"]);
    expect(left.isOpen).toBe(false);
    await isClosed(rightHeard);
    expect(rightHeard.events.at(-1)).toStartWith("close");
  });

  test("tells a paused reader, too, that its peer is gone once it writes to it", async () => {
    const { left, right, leftHeard, rightHeard } = await connect();
    right.write(bytesOf("ready"));
    await hears(leftHeard, "ready");
    right.pause();
    right.write(bytesOf("unread"));
    left.terminate();
    await isClosed(rightHeard);
    expect(rightHeard.events.filter((event) => event.startsWith("close"))).toHaveLength(1);
  });

  test("ignores what is asked of it when it is over", async () => {
    const { left, right, leftHeard, rightHeard } = await connect();
    left.terminate();
    await isClosed(rightHeard);
    for (const end of [left, right]) {
      end.write(bytesOf("lost"));
      end.pause();
      end.resume();
      end.shutdown();
      end.close();
      end.terminate();
      expect(end.backlogBytes).toBe(0);
    }
    for (const { events } of [leftHeard, rightHeard]) {
      expect(events.filter((event) => event.startsWith("close"))).toHaveLength(1);
    }
  });

  test("ignores what is written behind the end", async () => {
    const { left, leftHeard, right, rightHeard } = await connect();
    left.write(bytesOf("all"));
    left.shutdown();
    left.write(bytesOf("lost"));
    await waitFor("the end", () => rightHeard.hasEnded, soon);
    right.close();
    await isClosed(leftHeard);
    expect(rightHeard.text).toBe("all");
  });

  test.each(["onData", "onEnd"] as const)("closes when %s throws, and says why", async (method) => {
    const { left, right, leftHeard, rightHeard } = await connect();
    rightHeard[method] = () => {
      throw new Error("broken");
    };
    left.write(bytesOf("x"));
    left.shutdown();
    await isClosed(rightHeard);
    expect(rightHeard.events).toEqual(["close: broken"]);
    expect(right.isOpen).toBe(false);
    await isClosed(leftHeard);
  });

  test("tells a new handler what comes from then on, and the old one nothing more", async () => {
    const { left, right, leftHeard, rightHeard } = await connect();
    left.write(bytesOf("old"));
    await hears(rightHeard, "old");
    const newHeard = new Recorder();
    right.handler = newHeard;
    left.write(bytesOf("new"));
    await hears(newHeard, "new");
    left.close();
    await waitFor("the end", () => newHeard.hasEnded, soon);
    right.close();
    await isClosed(newHeard);
    await isClosed(leftHeard);
    expect([rightHeard.text, ...rightHeard.events]).toEqual(["old"]);
  });
});
