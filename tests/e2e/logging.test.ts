import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLogServer, startSyslogDaemon } from "../fixtures/log-servers.ts";
import {
  connectWire,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";

let postgres: PostgresServer;
let directory = "";

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-log-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

async function startWith(
  logger: Readonly<Record<string, unknown>>,
  more: Partial<Parameters<typeof startGatewayd>[0]> = {},
): Promise<GatewaydProcess> {
  return await startGatewayd({ config: oneBlockConfig(postgres.address, { logger }), ...more });
}

async function queryThrough(gatewayd: GatewaydProcess): Promise<void> {
  await using client = await connectWire(gatewayd);
  await client.login();
  client.query("select 1");
  await client.messagesUntil("Z");
}

interface LogRecord {
  readonly level: string;
  readonly message: string;
  readonly [field: string]: unknown;
}

const recordsOf = (text: string) =>
  text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as LogRecord]));
const messagesOf = (text: string) => recordsOf(text).map(({ message }) => message);
const contents = (name: string) => readFileSync(join(directory, name), "utf8");

test("all outputs at once get every record, in order, to the last", async () => {
  const socket = join(directory, "syslog");
  await using server = await startLogServer();
  await using daemon = await startSyslogDaemon(socket);
  await using gatewayd = await startWith({
    output: ["console", "stdout", "file", "syslog", "rsyslog"],
    fileName: join(directory, "gatewayd.log"),
    syslogSocket: socket,
    rsyslogAddress: `127.0.0.1:${server.port}`,
  });
  await queryThrough(gatewayd);
  await gatewayd.stop();
  const records = recordsOf(contents("gatewayd.log"));
  expect(records[0]).toMatchObject({ level: "info", group: "default" });
  expect(records.at(-1)?.message).toBe("GatewayD is shutdown");
  const lines = gatewayd.process.lines();
  expect(lines.filter(({ stream }) => stream === "stdout").map(({ text }) => text)).toEqual(
    contents("gatewayd.log").split("\n").slice(0, -1),
  );
  const console = lines.filter(({ stream }) => stream === "stderr");
  expect(console.map(({ text }) => text.includes(" INF "))).toEqual(records.map(() => true));
  const messages = (texts: readonly string[]) =>
    texts.map((text) => messagesOf(text.slice(text.indexOf("{")))[0]);
  await waitFor("the log server", () => server.messages.length === records.length);
  await waitFor("the syslog daemon", () => daemon.messages.length === records.length);
  const expected = records.map(({ message }) => message);
  expect(messages(server.messages)).toEqual(expected);
  expect(messages(daemon.messages)).toEqual(expected);
});

test("SIGUSR1 opens files anew, and plugins hear of it", async () => {
  await using gatewayd = await startWith({
    output: ["console", "file"],
    level: "trace",
    fileName: join(directory, "gatewayd.log"),
  });
  await waitFor("the file", () => contents("gatewayd.log").includes("is running"), {
    retryErrors: true,
  });
  renameSync(join(directory, "gatewayd.log"), join(directory, "moved.log"));
  gatewayd.process.kill("SIGUSR1");
  await waitFor("the new file", () => contents("gatewayd.log").includes("OnSignal"), {
    retryErrors: true,
  });
  await queryThrough(gatewayd);
  await gatewayd.stop();
  expect(messagesOf(contents("gatewayd.log")).slice(0, 1)).toEqual(["Log files are opened anew"]);
  expect(messagesOf(contents("gatewayd.log")).at(-1)).toBe("GatewayD is shutdown");
  expect(messagesOf(contents("moved.log")).at(0)).not.toBe("Log files are opened anew");
});

describe("traffic is not held up, and the console tells, by an output that", () => {
  const FAILS = "An output of the log fails, trying until it works";

  test.each([
    ["is full", () => ({ output: ["console", "file"], fileName: "/dev/full" }), /ENOSPC/],
    [
      "is a pipe without a reader",
      () => {
        const fileName = join(directory, "pipe");
        Bun.spawnSync(["mkfifo", fileName]);
        return { output: ["console", "file"], fileName };
      },
      /ENXIO/,
    ],
    [
      "is a syslog daemon that does not run",
      () => ({ output: ["console", "syslog"], syslogSocket: join(directory, "none") }),
      /nothing listens on/,
    ],
    [
      "is a log server that is gone",
      () => ({ output: ["console", "rsyslog"], rsyslogAddress: "127.0.0.1:1" }),
      /REFUSED/,
    ],
  ])("%s", async (_, logger, reason) => {
    await using gatewayd = await startWith({ level: "trace", ...logger() });
    expect(await gatewayd.process.waitForLine(FAILS)).toMatch(reason);
    for (let turn = 0; turn < 20; turn += 1) await queryThrough(gatewayd);
    await gatewayd.stop();
  });

  test("fails in a group that has no console of its own", async () => {
    const config = JSON.parse(oneBlockConfig(postgres.address)) as { loggers: object };
    const second = { output: ["file"], fileName: directory };
    config.loggers = { ...config.loggers, second };
    await using gatewayd = await startGatewayd({ config: JSON.stringify(config) });
    expect(await gatewayd.process.waitForLine(FAILS)).toContain("group=second");
    await gatewayd.stop();
  });

  test("is read too slowly", async () => {
    await using server = await startLogServer(0, { isReading: false });
    await using gatewayd = await startWith({
      output: ["console", "rsyslog"],
      level: "trace",
      rsyslogAddress: `127.0.0.1:${server.port}`,
    });
    await using client = await connectWire(gatewayd);
    await client.login();
    for (let turn = 0; turn < 200; turn += 1) {
      client.query("select 1");
      await client.messagesUntil("Z");
    }
    server.read();
    await gatewayd.stop();
    const messages = server.messages.map((text) => messagesOf(text.slice(text.indexOf("{")))[0]);
    expect(messages.at(-1)).toBe("GatewayD is shutdown");
  });
});
