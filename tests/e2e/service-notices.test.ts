/** What a service manager hears of the gateway: systemd's notify protocol, over a socket as systemd makes it. */
import { afterAll, beforeAll, expect } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  connectWire,
  freePort,
  oneBlockConfig,
  runToEnd,
  type PostgresServer,
  type RunningProcess,
  startGatewayd,
  startPostgres,
  startProcess,
  testWhere,
} from "../kit/index.ts";

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-notify-"));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Takes datagrams at a path and writes each on a line; Python, because Bun has no such sockets. */
const RECEIVER = `
import socket, sys
path = sys.argv[1]
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
receiver.bind("\\0" + path[1:] if path.startswith("@") else path)
print("bound", flush=True)
while True:
    print(receiver.recv(4096), flush=True)
`;

async function startReceiver(path: string): Promise<RunningProcess> {
  const receiver = await startProcess(["python3", "-c", RECEIVER, path]);
  await receiver.waitForLine("bound");
  return receiver;
}

const testReceived = testWhere(
  process.platform === "linux" && Bun.which("python3") !== null,
  "it needs Linux and python3",
);

for (const kind of ["a path", "a name of Linux' own"]) {
  testReceived(`the start, a reload and the end are told at ${kind}`, async () => {
    const path = kind === "a path" ? join(directory, "notify") : `@gatewayd-notify-${process.pid}`;
    await using receiver = await startReceiver(path);
    await using gatewayd = await startGatewayd({
      config: oneBlockConfig(postgres.address, { server: { drainTimeout: "5m" } }),
      env: { NOTIFY_SOCKET: path },
    });
    const { pid } = gatewayd.process;
    const ready = `b'READY=1\\nSTATUS=Running, process ${pid}\\n'`;
    await receiver.waitForLine(ready);
    const since = receiver.lineCount;
    gatewayd.process.kill("SIGHUP");
    const reloading = await receiver.waitForLine("b'RELOADING=1\\nMONOTONIC_USEC=", { since });
    // On the clock that the service manager has, too.
    const [, microseconds] = /USEC=(\d+)/.exec(reloading) ?? [];
    const { stdout } = await runToEnd(["python3", "-c", "import time; print(time.monotonic())"]);
    expect(Math.abs(Number(microseconds) / 1_000_000 - Number(stdout))).toBeLessThan(30);
    await receiver.waitForLine(ready, { since });
    const wrong = oneBlockConfig(postgres.address, { server: { drainTimeout: "no" } });
    await writeFile(join(gatewayd.directory, "gatewayd.yaml"), wrong);
    gatewayd.process.kill("SIGHUP");
    await receiver.waitForLine(
      /READY=1\\nSTATUS=Running, process \d+; the last reload was refused: \S+gatewayd.yaml:\d+:\d+: servers\.default\.drainTimeout/,
    );
    await gatewayd.stop();
    await receiver.waitForLine(
      "b'STOPPING=1\\nSTATUS=Waiting for clients to finish\\nEXTEND_TIMEOUT_USEC=330000000\\n'",
    );
    expect(gatewayd.process.output()).not.toContain("could not be notified");
    await receiver.end();
  });
}

testReceived("of two that take turns each tells its own manager what it is at", async () => {
  const port = await freePort();
  const server = { address: `127.0.0.1:${port}`, reusePort: true, drainTimeout: "1m" };
  const config = oneBlockConfig(postgres.address, { server });
  const [pathOfOld, pathOfHeir] = [join(directory, "a"), join(directory, "b")];
  await using managerOfOld = await startReceiver(pathOfOld);
  await using managerOfHeir = await startReceiver(pathOfHeir);
  await using old = await startGatewayd({ config, env: { NOTIFY_SOCKET: pathOfOld } });
  await managerOfOld.waitForLine("READY=1");
  await using client = await connectWire({ host: "127.0.0.1", port });
  await client.login();
  await using heir = await startGatewayd({ config, env: { NOTIFY_SOCKET: pathOfHeir } });
  await managerOfHeir.waitForLine("READY=1");
  old.process.kill("SIGTERM");
  // Twice the time of an ordinary stop: clients may stay for so long, and then have as long to finish.
  await managerOfOld.waitForLine(/STOPPING=1.*EXTEND_TIMEOUT_USEC=150000000/);
  await managerOfOld.waitForLine("STATUS=Another gateway has taken over; clients left here: 1");
  await client[Symbol.asyncDispose]();
  expect(await old.process.waitForExit()).toEqual({ code: 0, signal: null });
  await heir.stop();
  await Promise.all([managerOfOld.end(), managerOfHeir.end()]);
});

testReceived("nothing fails where nobody listens, or nobody is to be told", async () => {
  const config = oneBlockConfig(postgres.address);
  await using unheard = await startGatewayd({ config, env: { NOTIFY_SOCKET: "/nowhere/notify" } });
  await unheard.process.waitForLine(
    /could not be notified.*nothing listens on \/nowhere\/notify: ENOENT/,
  );
  await unheard.stop();

  await using alone = await startGatewayd({
    config,
    env: { GATEWAYD_LOGGERS_DEFAULT_LEVEL: "debug" },
  });
  await alone.process.waitForLine("NOTIFY_SOCKET is not set");
  await alone.stop();
});
