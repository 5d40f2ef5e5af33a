import { afterEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { connect as connectTls } from "node:tls";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { Recorder } from "../../tests/fixtures/recorder.ts";
import { runToEnd, startProcess, testWhere, waitFor } from "../../tests/kit/index.ts";
import { libc } from "../libc/index.ts";
import { TimerWheel, dial, listen } from "./index.ts";
import type { Address, Connection, HandshakeResult, Listener, ListenOptions } from "./index.ts";

const timers = new TimerWheel();
const pem = (name: string): string =>
  readFileSync(join(import.meta.dir, "../../tests/fixtures/tls", name), "utf8");
const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-listen-"));
  cleanUps.push(() => rm(directory, { recursive: true }));
  return directory;
}

/** Listens, and greets with "hello" whoever comes. */
async function listenOn(address: Address, options: Partial<ListenOptions> = {}): Promise<Listener> {
  const listener = await listen({
    address,
    directoryPort: 6543,
    socketMode: 0o660,
    reusePort: false,
    timers,
    onConnection: (connection) => {
      cleanUps.push(() => connection.terminate());
      connection.write(Buffer.from("hello"));
    },
    ...options,
  });
  cleanUps.push(() => listener.stop());
  return listener;
}

/** Whether a listener greets at this address. */
async function expectGreeting(address: Address): Promise<Connection> {
  const { connection } = await dial({ address, timeoutMs: 5_000, keepAliveMs: 0, timers });
  cleanUps.push(() => connection.terminate());
  const heard = new Recorder();
  connection.handler = heard;
  await waitFor("a greeting", () => heard.text === "hello", { intervalMs: 1 });
  return connection;
}

const SOL_SOCKET = 1;
/** No filter can be attached from then on. */
const SO_LOCK_FILTER = 44;
const ON = Uint8Array.of(1, 0, 0, 0);

function socketsOfThisProcess(): readonly number[] {
  return readdirSync("/proc/self/fd").flatMap((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).startsWith("socket:") ? [Number(name)] : [];
    } catch {
      return []; // It was that of the folder.
    }
  });
}

const portOf = (listener: Listener): number => Number(/:(\d+)$/.exec(listener.address)?.[1]);

describe("listening", () => {
  test.each([
    ["IPv4", "127.0.0.1", "127.0.0.1"],
    ["IPv6", "::1", "::1"],
    ["every interface, by IPv4", "", "127.0.0.1"],
    ["every interface, by IPv6", "", "::1"],
  ])("serves %s, on a port the kernel chose", async (_, host, from) => {
    const listener = await listenOn({ kind: "tcp", host, port: 0 });
    const port = portOf(listener);
    expect(port).toBeGreaterThan(0);
    const connection = await expectGreeting({ kind: "tcp", host: from, port });
    expect(connection.remoteAddress).toBe(from === "::1" ? `[::1]:${port}` : `${from}:${port}`);
  });

  test("serves a unix socket, with its permissions, and removes it at the end", async () => {
    const path = join(await temporaryDirectory(), "socket");
    const listener = await listenOn({ kind: "unix", path }, { socketMode: 0o640 });
    expect(listener.address).toBe(path);
    expect(statSync(path).mode & 0o777).toBe(0o640);
    const connection = await expectGreeting({ kind: "unix", path });
    expect(connection.remoteAddress).toBe(path);
    listener.stop();
    expect(existsSync(path)).toBe(false);
  });

  test("serves a directory by PostgreSQL's file name in it", async () => {
    const directory = await temporaryDirectory();
    const listener = await listenOn({ kind: "unix", path: `${directory}/` });
    expect(listener.address).toBe(join(directory, ".s.PGSQL.6543"));
    await expectGreeting({ kind: "unix", path: listener.address });
  });

  test("dials a directory by PostgreSQL's file name in it", async () => {
    const directory = await temporaryDirectory();
    await listenOn({ kind: "unix", path: directory }, { directoryPort: 5432 });
    const connection = await expectGreeting({ kind: "unix", path: directory });
    expect(connection.remoteAddress).toBe(join(directory, ".s.PGSQL.5432"));
  });

  test("tells an accepted connection where it came in", async () => {
    const path = join(await temporaryDirectory(), "socket");
    const arrived: Connection[] = [];
    await listenOn(
      { kind: "unix", path },
      {
        onConnection: (connection) => {
          cleanUps.push(() => connection.terminate());
          arrived.push(connection);
        },
      },
    );
    const peer = connect(path);
    cleanUps.push(() => peer.destroy());
    await waitFor("the accept", () => arrived.length > 0, { intervalMs: 1 });
    expect(arrived.map((each) => [each.localAddress, each.remoteAddress])).toEqual([[path, ""]]);
  });

  const testOnLinux = testWhere(process.platform === "linux", "it reads /proc");

  describe("finds out about clients that vanish, by keep-alive probes after a minute", () => {
    const clock = new FakeClock();

    async function accept(): Promise<[Connection, Socket, Listener]> {
      const accepted: Connection[] = [];
      const listener = await listenOn(
        { kind: "tcp", host: "127.0.0.1", port: 0 },
        {
          timers: new TimerWheel(clock),
          onConnection: (connection) => {
            cleanUps.push(() => connection.terminate());
            accepted.push(connection);
          },
        },
      );
      const peer = connect(portOf(listener), "127.0.0.1");
      cleanUps.push(() => peer.destroy());
      const connection = await waitFor("the accept", () => accepted[0], { intervalMs: 1 });
      return [connection as Connection, peer, listener];
    }

    /** When the kernel will ask, in seconds; undefined when it will not. */
    async function probeDueIn(listener: Listener): Promise<number | undefined> {
      // proc(5), net/tcp: the local port, the remote one, state 1 = established, timer 2 = keep-alive.
      const portHex = portOf(listener).toString(16).toUpperCase().padStart(4, "0");
      const entry = new RegExp(`:${portHex} \\w+:\\w+ 01 \\S+ (\\d+):(\\w+)`);
      const [, timer, dueIn = ""] = entry.exec(await Bun.file("/proc/net/tcp").text()) ?? [];
      // In hundredths of a second.
      return timer === "02" ? Number.parseInt(dueIn, 16) / 100 : undefined;
    }

    testOnLinux("which come to stay", async () => {
      const [, , listener] = await accept();
      expect(await probeDueIn(listener)).toBeUndefined();
      clock.advance(5_010);
      expect(await probeDueIn(listener)).toBeWithin(55, 60.01);
      expect(clock.timerCount).toBe(0);
    });

    testOnLinux("which turn to TLS", async () => {
      const [connection, peer, listener] = await accept();
      const results: HandshakeResult[] = [];
      connection.startTls(
        { cert: pem("server.crt"), key: pem("server.key"), minVersion: "1.2" },
        (result) => results.push(result),
      );
      const secure = connectTls({ socket: peer, ca: pem("ca.crt"), servername: "localhost" });
      secure.on("error", () => {});
      cleanUps.push(() => secure.destroy());
      await waitFor("the handshake", () => results[0]?.kind === "done", { intervalMs: 1 });
      clock.advance(5_010);
      expect(await probeDueIn(listener)).toBeWithin(55, 60.01);
    });

    testOnLinux("also when it stops before", async () => {
      const [, , listener] = await accept();
      listener.stop();
      expect(await probeDueIn(listener)).toBeWithin(55, 60.01);
      expect(clock.timerCount).toBe(0);
    });

    testOnLinux("and forgets those that go", async () => {
      const [connection, , listener] = await accept();
      connection.terminate();
      clock.advance(5_010);
      expect(await probeDueIn(listener)).toBeUndefined();
      expect(clock.timerCount).toBe(0);
    });
  });

  test("keeps its connections when it stops accepting", async () => {
    const listener = await listenOn({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const address = { kind: "tcp", host: "127.0.0.1", port: portOf(listener) } as const;
    const connection = await expectGreeting(address);
    listener.stop();
    await expect(expectGreeting(address)).rejects.toThrow("ECONNREFUSED");
    expect(connection.isOpen).toBe(true);
  });

  test("says that an address is in use", async () => {
    const { address } = await listenOn({ kind: "tcp", host: "127.0.0.1", port: 0 });
    const port = Number(address.split(":")[1]);
    await expect(listenOn({ kind: "tcp", host: "127.0.0.1", port })).rejects.toMatchObject({
      code: "ERR_LISTEN_FAILED",
      message: `cannot listen on ${address}: address already in use (EADDRINUSE)`,
    });
  });

  test.each([
    ["an address that is not ours", { kind: "tcp", host: "192.0.2.1", port: 0 }],
    ["a directory that is not there", { kind: "unix", path: "/nowhere/at/all" }],
  ] satisfies readonly (readonly [string, Address])[])("says why not: %s", async (_, address) => {
    await expect(listenOn(address)).rejects.toMatchObject({
      code: "ERR_LISTEN_FAILED",
      message: expect.stringContaining(address.kind === "tcp" ? "192.0.2.1:0" : "/nowhere"),
    });
  });

  test("does not take a unix socket from a process that listens on it", async () => {
    const path = join(await temporaryDirectory(), "socket");
    await listenOn({ kind: "unix", path });
    await expect(listenOn({ kind: "unix", path })).rejects.toThrow(
      `cannot listen on ${path}: another process listens on this socket`,
    );
    await expectGreeting({ kind: "unix", path });
  });

  test("takes over a unix socket that a dead process left behind", async () => {
    const path = join(await temporaryDirectory(), "socket");
    const code = `Bun.listen({ unix: ${JSON.stringify(path)}, socket: { data() {} } }); process.kill(process.pid, "SIGKILL");`;
    await runToEnd([process.execPath, "-e", code]);
    expect(statSync(path).isSocket()).toBe(true);
    await listenOn({ kind: "unix", path });
    await expectGreeting({ kind: "unix", path });
  });

  test("does not overwrite a file that is no socket", async () => {
    const path = join(await temporaryDirectory(), "file");
    await writeFile(path, "precious");
    await expect(listenOn({ kind: "unix", path })).rejects.toThrow("cannot listen on");
    expect(await Bun.file(path).text()).toBe("precious");
  });

  test("shares a port when told to", async () => {
    const first = await listenOn({ kind: "tcp", host: "127.0.0.1", port: 0 }, { reusePort: true });
    const address = { kind: "tcp", host: "127.0.0.1", port: portOf(first) } as const;
    const second = await listenOn(address, { reusePort: true });
    expect(second.address).toBe(first.address);
    first.stop();
    await expectGreeting(address);
  });

  for (const [host, kernel] of [
    ["127.0.0.1", "takes a packet filter"],
    ["127.0.0.1", "refuses packet filters"],
    ["::1", "refuses packet filters"],
  ] as const) {
    testOnLinux(
      `leaves a port to another process, which misses nobody (${host}, the kernel ${kernel})`,
      async () => {
        const before = socketsOfThisProcess();
        const listener = await listenOn({ kind: "tcp", host, port: 0 }, { reusePort: true });
        if (kernel === "refuses packet filters") {
          const fds = socketsOfThisProcess().filter((fd) => !before.includes(fd));
          expect(fds).toHaveLength(1);
          // As some kernels do for everybody who may not administrate the network.
          for (const fd of fds)
            expect(libc()?.setOption(fd, SOL_SOCKET, SO_LOCK_FILTER, ON)).toBe(0);
        }
        const port = portOf(listener);
        expect(listener.isShared).toBe(false);
        const greet = "open: (socket) => { socket.write('hello'); }, data() {}";
        const code = `Bun.listen({ hostname: "${host}", port: ${port}, reusePort: true, socket: { ${greet} } });
      console.log("listening");`;
        await using other = await startProcess([process.execPath, "-e", code]);
        await other.waitForLine("listening");
        expect(listener.isShared).toBe(true);
        // As many as the kernel likes are this one's.
        const greetings: Promise<Connection>[] = [];
        const knock = (): void => {
          for (let count = 0; count < 50; count++) {
            greetings.push(expectGreeting({ kind: "tcp", host, port }));
          }
        };
        knock();
        const leaving = listener.leave();
        knock();
        await leaving;
        knock();
        expect(await Promise.all(greetings)).toHaveLength(150);
        expect(listener.isShared).toBe(false);
      },
    );
  }

  test("takes over a unix socket, whose file is its own from then on", async () => {
    const path = join(await temporaryDirectory(), "socket");
    const address = { kind: "unix", path } as const;
    const old = await listenOn(address, { reusePort: true });
    expect(old.isShared).toBe(false);
    const { ino } = statSync(path);
    const heir = await listenOn(address, { reusePort: true, socketMode: 0o600 });
    expect([old.isShared, heir.isShared]).toEqual([true, false]);
    expect(statSync(path).ino).not.toBe(ino);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await old.leave();
    await expectGreeting(address);
    heir.stop();
    expect(readdirSync(dirname(path))).toEqual([]);
  });
});
