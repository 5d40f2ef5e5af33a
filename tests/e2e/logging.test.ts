import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { startLogServer, startSyslogDaemon, startUdpServer } from "../fixtures/log-servers.ts";
import { keepLogFiles } from "../kit/transcripts.ts";
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

afterEach(() => {
  keepLogFiles(directory);
  rmSync(directory, { recursive: true });
});

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

test.each(["tcp", "udp", "unix"] as const)(
  "a log server gets every record in RFC 5424 by %s",
  async (rsyslogNetwork) => {
    const path = join(directory, "server");
    await using server =
      rsyslogNetwork === "udp"
        ? await startUdpServer()
        : await startLogServer(rsyslogNetwork === "unix" ? path : 0);
    await using gatewayd = await startWith({
      output: ["console", "rsyslog"],
      rsyslogNetwork,
      rsyslogAddress: rsyslogNetwork === "unix" ? path : `127.0.0.1:${server.port}`,
      syslogPriority: "notice",
    });
    await queryThrough(gatewayd);
    const { pid } = gatewayd.process;
    await gatewayd.stop();
    const count = gatewayd.process.lineCount;
    await waitFor("all records", () => server.messages.length === count);
    // Facility daemon, severity notice.
    const form = new RegExp(String.raw`^<29>1 \S+Z \S+ gatewayd ${pid} - - \{"level":"info",.*\}$`);
    for (const message of server.messages) expect(message).toMatch(form);
    const last = server.messages.at(-1) ?? "";
    expect(messagesOf(last.slice(last.indexOf("{")))).toEqual(["GatewayD is shutdown"]);
  },
);

test("a file is rotated and packed amid traffic, and no record is lost or out of order", async () => {
  await using gatewayd = await startWith({
    output: ["console", "file"],
    slowQueryThreshold: "1us",
    fileName: join(directory, "gatewayd.log"),
    maxSize: 1,
    maxBackups: 0,
  });
  await using client = await connectWire(gatewayd);
  await client.login();
  for (let turn = 0; turn < 900; turn += 1) {
    client.query(`select 1 as "${"x".repeat(60)}"${`, 2 as "${"y".repeat(50)}"`.repeat(60)}`);
    await client.messagesUntil("Z");
  }
  await gatewayd.stop();
  const names = readdirSync(directory).sort();
  const rotated = names.filter((name) => name !== "gatewayd.log");
  expect(rotated.length).toBeGreaterThanOrEqual(3);
  for (const name of rotated.slice(0, -1)) {
    expect(name).toMatch(/^gatewayd-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log\.gz$/);
  }
  const texts = [...rotated, "gatewayd.log"].map((name) => {
    const bytes = readFileSync(join(directory, name));
    return (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
  });
  for (const text of texts) expect(text.length).toBeLessThanOrEqual(1024 * 1024);
  const messages = messagesOf(texts.join(""));
  expect(messages.filter((message) => message === "Slow query")).toHaveLength(900);
  expect(messages).toHaveLength(gatewayd.process.lineCount);
  expect([messages[0], messages.at(-1)]).not.toContain("Slow query");
  const times = recordsOf(texts.join("")).map(({ time }) => Number(time));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
});

test("what clients say in confidence is in no output", async () => {
  const socket = join(directory, "syslog");
  await using server = await startLogServer();
  await using daemon = await startSyslogDaemon(socket);
  await using gatewayd = await startWith({
    output: ["console", "stdout", "file", "syslog", "rsyslog"],
    level: "trace",
    slowQueryThreshold: "1ms",
    fileName: join(directory, "gatewayd.log"),
    syslogSocket: socket,
    rsyslogAddress: `127.0.0.1:${server.port}`,
  });
  const password = "opensesame-7";
  await using client = await connectWire(gatewayd);
  await client.login();
  client.query(`create role confided password '${password}'`);
  await client.messagesUntil("Z");
  client.query(`select pg_sleep(0.02), '${password}'`);
  await client.messagesUntil("Z");
  const isTold = (texts: readonly string[]) => texts.some((text) => text.includes("pg_sleep($1)"));
  await waitFor("the slow query in all of them", () => {
    const { process } = gatewayd;
    return [[process.output(1_000)], [contents("gatewayd.log")], server.messages, daemon.messages]
      .map(isTold)
      .every(Boolean);
  });
  await gatewayd.stop();
  const written = [gatewayd.process.output(1_000), contents("gatewayd.log")];
  expect([...written, ...server.messages, ...daemon.messages].join("\n")).not.toContain(password);
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

test.each(["SIGTERM", "SIGQUIT"] as const)(
  "%s amid clients that come and go loses no record of the file",
  async (signal) => {
    await using gatewayd = await startWith({
      output: ["console", "file"],
      level: "debug",
      fileName: join(directory, "gatewayd.log"),
    });
    // Until it takes no more of them.
    const comeAndGo = async (): Promise<void> => {
      const isServed = await queryThrough(gatewayd).then(
        () => true,
        () => false,
      );
      if (isServed) await comeAndGo();
    };
    const clients = Array.from({ length: 8 }, comeAndGo);
    await waitFor("a few clients to have gone", () => gatewayd.process.lineCount > 2_000);
    await gatewayd.stop(signal);
    await Promise.all(clients);
    const shown = gatewayd.process.lines().map(({ text }) => text.split(" ").slice(2).join(" "));
    const messages = messagesOf(contents("gatewayd.log"));
    expect(shown).toHaveLength(messages.length);
    expect(messages.findIndex((message, at) => !shown[at]?.startsWith(message))).toBe(-1);
    expect(messages.at(-1)).toBe("GatewayD is shutdown");
  },
);

test("a crash leaves its last words in the file, behind all that came before", async () => {
  const plugin = join(directory, "crash.ts");
  // As if code of the gateway had thrown: an error of the plugin's own would be the plugin's.
  writeFileSync(
    plugin,
    `import { definePlugin } from "gatewayd/sdk";
     export default definePlugin({
       name: "crash",
       version: "1.0.0",
       setup: ({ logger }) => ({
         onTrafficFromClient() {
           for (let count = 0; count < 1000; count += 1) logger.info("before", { count });
           const error = new Error("out of luck");
           error.stack = "Error: out of luck\\n    at run (src/net/listener.ts:1:1)";
           process.emit("uncaughtException", error);
         },
       }),
     });`,
  );
  await using gatewayd = await startWith(
    { output: ["console", "file"], fileName: join(directory, "gatewayd.log") },
    { plugins: JSON.stringify({ plugins: [{ name: "crash", localPath: plugin }] }) },
  );
  await using client = await connectWire(gatewayd);
  client.startup();
  expect(await gatewayd.process.waitForExit()).toEqual({ code: 1, signal: null });
  const records = recordsOf(contents("gatewayd.log"));
  expect(records.filter(({ message }) => message === "before")).toHaveLength(1000);
  expect(records.at(-1)).toMatchObject({
    level: "fatal",
    message: "GatewayD has crashed",
    error: "out of luck",
  });
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

describe("a slow query", () => {
  const POOLED = { mode: "transaction" };

  test.each([
    ["passthrough", {}, {}],
    ["transaction", { auth: { method: "trust" } }, POOLED],
  ])("is logged without its values, in mode %s", async (_, server, pool) => {
    const logger = { output: ["console", "file"], slowQueryThreshold: "200ms" };
    const fileName = join(directory, "gatewayd.log");
    const config = oneBlockConfig(postgres.address, {
      logger: { ...logger, fileName },
      server,
      pool,
    });
    await using gatewayd = await startGatewayd({ config });
    const ask = async (sql: string): Promise<void> => {
      await using client = await connectWire(gatewayd);
      await client.login({ user: "postgres", application_name: "shop" });
      client.query(sql);
      await client.messagesUntil("Z");
    };
    await ask("select 1 /* quick */");
    await ask(
      "select x from generate_series(1, 3) x, pg_sleep(0.25) where 'hunter2' <> $$s3cret$$",
    );
    await ask("select pg_sleep(0.25); create role r password 'hunter2'; bad syntax");
    await ask("do $$ begin perform pg_sleep(0.25); raise 'hunter2'; end $$");
    await gatewayd.stop();
    const text = contents("gatewayd.log");
    const slow = recordsOf(text).filter(({ message }) => message === "Slow query");
    expect(slow).toMatchObject([
      {
        level: "warn",
        name: "writes",
        user: "postgres",
        database: "postgres",
        applicationName: "shop",
        server: postgres.address,
        connectionId: expect.any(String),
        command: "SELECT",
        rows: 3,
        statement: "select x from generate_series($1, $2) x, pg_sleep($3) where $4 <> $5",
      },
      { sqlState: "P0001", statement: "do $1" },
    ]);
    for (const { durationMs, waitedMs } of slow) {
      expect(durationMs).toBeWithin(200, 5_000);
      expect(waitedMs).toBeWithin(0, 1_000);
    }
    expect(text + gatewayd.process.output()).not.toMatch(/hunter2|s3cret/);
  });
});

test("at level debug connections come and go under one id, with the original's lines between", async () => {
  await using gatewayd = await startWith({
    output: ["console", "file"],
    level: "debug",
    fileName: join(directory, "gatewayd.log"),
  });
  await queryThrough(gatewayd);
  await gatewayd.process.waitForLine("A client has disconnected");
  await gatewayd.stop();
  const records = recordsOf(contents("gatewayd.log"));
  const connected = records.find(({ message }) => message === "A client has connected");
  const ofSession = records.filter(
    (record) => record["connectionId"] === connected?.["connectionId"],
  );
  expect(ofSession.map(({ message }) => message)).toEqual([
    "A client has connected",
    "Received data from client",
    "Sent data to database",
    "Received data from database",
    "Sent data to client",
    "A client has disconnected",
  ]);
  expect(ofSession[1]).toMatchObject({ function: "proxy.passthrough", length: 14 });
});
