import { afterEach, describe, expect, mock, spyOn, test } from "bun:test";
import * as dns from "node:dns/promises";
import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import {
  expectSameDescriptors,
  freePort,
  openDescriptors,
  waitFor,
} from "../../tests/kit/index.ts";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { TimerWheel, dial } from "./index.ts";
import type { DialOptions } from "./index.ts";

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  mock.restore();
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** A server on loopback that says nothing. */
async function server(host = "127.0.0.1"): Promise<{ server: Server; port: number }> {
  const listening = createServer((socket) => {
    socket.on("error", () => {});
    cleanUps.push(() => socket.destroy());
  });
  listening.listen(0, host);
  await once(listening, "listening");
  cleanUps.push(() => listening.close());
  const address = listening.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { server: listening, port: address.port };
}

function options(host: string, port: number, more: Partial<DialOptions> = {}): DialOptions {
  return {
    address: { kind: "tcp", host, port },
    timeoutMs: 5_000,
    keepAliveMs: 30_000,
    timers: new TimerWheel(),
    ...more,
  };
}

/** Lets a name stand for these addresses. */
function answer(...addresses: readonly string[]): void {
  const found = addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
  spyOn(dns, "lookup").mockImplementation((() => Promise.resolve(found)) as never);
}

describe("dialling", () => {
  test("opens a connection and names the literal address, IPv4 before IPv6", async () => {
    const { port } = await server();
    const { connection, address } = await dial(options("localhost", port));
    cleanUps.push(() => connection.terminate());
    expect(address).toEqual({ kind: "tcp", host: "127.0.0.1", port });
    expect(connection.remoteAddress).toBe(`127.0.0.1:${port}`);
    expect(connection.isOpen).toBe(true);
  });

  test("takes an empty host for this machine", async () => {
    const { port } = await server();
    const { connection } = await dial(options("", port));
    cleanUps.push(() => connection.terminate());
    expect(connection.remoteAddress).toBe(`127.0.0.1:${port}`);
  });

  test("tries all addresses of a name, in order", async () => {
    const { port } = await server("127.0.0.3");
    answer("127.0.0.2", "127.0.0.3", "127.0.0.4");
    const { connection, address } = await dial(options("db.example.org", port));
    cleanUps.push(() => connection.terminate());
    expect(address).toEqual({ kind: "tcp", host: "127.0.0.3", port });
  });

  test("looks the name up anew each time", async () => {
    const { port } = await server("127.0.0.2");
    answer("127.0.0.3");
    await expect(dial(options("db.example.org", port))).rejects.toThrow("ECONNREFUSED");
    answer("127.0.0.2");
    const { connection } = await dial(options("db.example.org", port));
    cleanUps.push(() => connection.terminate());
    expect(connection.isOpen).toBe(true);
  });

  test("names every address and reason when none answers", async () => {
    const port = await freePort();
    answer("127.0.0.2", "127.0.0.3");
    await expect(dial(options("db.example.org", port))).rejects.toMatchObject({
      code: "ERR_SERVER_UNREACHABLE",
      message:
        `cannot connect to db.example.org:${port} ` +
        `(127.0.0.2:${port}: connection refused (ECONNREFUSED); 127.0.0.3:${port}: connection refused (ECONNREFUSED))`,
    });
  });

  test("says that a name stands for nothing", async () => {
    await expect(dial(options("no-such-host.invalid", 5432))).rejects.toMatchObject({
      code: "ERR_SERVER_UNREACHABLE",
      message: expect.stringContaining("cannot connect to no-such-host.invalid:5432 ("),
    });
  });

  test("says that a unix socket is not there", async () => {
    const dialling = dial(options("", 0, { address: { kind: "unix", path: "/nowhere/socket" } }));
    await expect(dialling).rejects.toMatchObject({
      code: "ERR_SERVER_UNREACHABLE",
      message: "cannot connect to /nowhere/socket (no such file or directory (ENOENT))",
    });
  });

  test("gives up on each address after the timeout, and cuts what opens too late", async () => {
    const { server: listening, port } = await server("127.0.0.2");
    const late: Parameters<typeof Bun.connect>[0][] = [];
    const connect = spyOn(Bun, "connect").mockImplementation(((target: (typeof late)[number]) => {
      late.push(target);
      return new Promise(() => {});
    }) as never);
    const clock = new FakeClock();
    answer("127.0.0.2", "127.0.0.3");
    const outcome = dial(
      options("db.example.org", port, { timeoutMs: 100, timers: new TimerWheel(clock) }),
    ).catch((error: unknown) => error);
    for (const attempt of [1, 2]) {
      await waitFor(`attempt ${attempt}`, () => late.length === attempt, { intervalMs: 1 });
      clock.advance(110);
    }
    expect(await outcome).toMatchObject({
      code: "ERR_SERVER_UNREACHABLE",
      message:
        `cannot connect to db.example.org:${port} (127.0.0.2:${port}: no connection within ` +
        `100 ms; 127.0.0.3:${port}: no connection within 100 ms)`,
    });
    expect(clock.timerCount).toBe(0);

    connect.mockRestore();
    const accepted = once(listening, "connection") as Promise<Socket[]>;
    const [first] = late;
    if (first === undefined) throw new Error("nothing was dialled");
    await Bun.connect(first);
    const [socket] = await accepted;
    await waitFor("the cut", () => socket?.destroyed, { intervalMs: 1 });
  });

  test("keeps no timer and no socket of a dial that failed", async () => {
    const clock = new FakeClock();
    const port = await freePort();
    const more = { timers: new TimerWheel(clock) };
    await dial(options("127.0.0.1", port, more)).catch(() => {});
    const before = openDescriptors(process.pid);
    for (let index = 0; index < 50; index++) {
      await dial(options("127.0.0.1", port, more)).catch(() => {});
    }
    expect(clock.timerCount).toBe(0);
    await expectSameDescriptors(process.pid, before);
  });
});
