import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../../tests/kit/index.ts";
import { startSyslogDaemon, startUdpServer } from "../../tests/fixtures/log-servers.ts";
import { OUTPUT_SETTINGS } from "../../tests/fixtures/memory-sink.ts";
import type { LogSink, SinkNotice } from "./log-sink.ts";
import { openSink } from "./open-sink.ts";
import type { SinkSettings } from "./open-sink.ts";

let directory = "";
let notices: SinkNotice[] = [];
let sink: LogSink | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-log-"));
  notices = [];
});

afterEach(async () => {
  await sink?.close();
  rmSync(directory, { recursive: true });
});

function open(kind: "syslog" | "rsyslog", settings: Partial<SinkSettings>): LogSink {
  sink = openSink(kind, { ...OUTPUT_SETTINGS, ...settings }, (notice) => void notices.push(notice));
  return sink;
}

const TIME_MS = Date.parse("2024-03-02T12:24:51.987Z");

test("the local daemon gets each line as a message of its own form", async () => {
  const path = join(directory, "log");
  await using daemon = await startSyslogDaemon(path);
  const opened = open("syslog", { syslogSocket: path, syslogPriority: "warning" });
  opened.write('{"message":"é"}\n', TIME_MS);
  await waitFor("a message", () => daemon.messages.length === 1);
  expect(daemon.messages[0]).toMatch(/^<28>Mar  2 \d\d:24:51 gatewayd\[\d+\]: \{"message":"é"\}$/);
});

test("messages come in order, also when there are more than the daemon's socket holds", async () => {
  const path = join(directory, "log");
  await using daemon = await startSyslogDaemon(path);
  const opened = open("syslog", { syslogSocket: path });
  for (let count = 0; count < 500; count += 1) opened.write(`line ${count}\n`, TIME_MS);
  await waitFor("500 messages", () => daemon.messages.length === 500);
  expect(daemon.messages.map((message) => message.split(": ")[1])).toEqual(
    Array.from({ length: 500 }, (_, count) => `line ${count}`),
  );
  expect(opened.counts).toMatchObject({ written: 500, dropped: 0 });
});

test("close hands on more than the daemon's socket holds", async () => {
  const path = join(directory, "log");
  await using daemon = await startSyslogDaemon(path);
  const opened = open("syslog", { syslogSocket: path });
  await waitFor("the socket to be open", () => {
    opened.write("first\n", TIME_MS);
    return opened.counts.written > 0;
  });
  for (let count = 0; count < 300; count += 1) opened.write(`line ${count}\n`, TIME_MS);
  await opened.close();
  await waitFor("the last message", () => daemon.messages.at(-1)?.endsWith("line 299"));
  expect(opened.counts.dropped).toBe(0);
});

test("a daemon that is not there is waited for, and what found no room is counted and told", async () => {
  const path = join(directory, "log");
  const opened = open("syslog", { syslogSocket: path });
  await waitFor("the notice", () => notices.length === 1);
  expect(notices[0]?.fields["error"]).toEqual(new Error(`nothing listens on ${path}: ENOENT`));
  const line = `${"x".repeat(1_000)}\n`;
  for (let count = 0; count < 10_000; count += 1) opened.write(line, TIME_MS);
  const { dropped } = opened.counts;
  expect(dropped).toBeWithin(5_000, 7_000);
  await using daemon = await startSyslogDaemon(path);
  await waitFor("what waited", () => daemon.messages.length === 10_000 - dropped);
  await waitFor("the other notice", () => notices.length === 2);
  expect(notices[1]).toMatchObject({
    message: "An output of the log works again",
    fields: { output: "syslog", target: path, lost: dropped },
  });
});

test("a daemon that is started again is found again", async () => {
  const path = join(directory, "log");
  const first = await startSyslogDaemon(path);
  const opened = open("syslog", { syslogSocket: path });
  opened.write("one\n", TIME_MS);
  await waitFor("a message", () => first.messages.length === 1);
  await first[Symbol.asyncDispose]();
  rmSync(path, { force: true });
  opened.write("two\n", TIME_MS);
  await waitFor("the notice", () => notices.length === 1);
  await using second = await startSyslogDaemon(path);
  await waitFor("a message", () => second.messages.length === 1);
  expect(second.messages[0]).toEndWith(": two");
});

test("UDP gets RFC 5424, one message in each datagram; what is too long for one is lost", async () => {
  await using server = await startUdpServer();
  const rsyslogPlace = { host: "localhost", port: server.port };
  const opened = open("rsyslog", { rsyslogNetwork: "udp", rsyslogPlace, syslogPriority: "err" });
  opened.write("hello\n", TIME_MS);
  opened.write(`${"x".repeat(70_000)}\n`, TIME_MS);
  opened.write("world\n", TIME_MS);
  await waitFor("two messages", () => server.messages.length === 2);
  const form = /^<27>1 2024-03-02T12:24:51\.987Z \S+ gatewayd \d+ - - (.*)$/;
  expect(server.messages.map((message) => form.exec(message)?.[1])).toEqual(["hello", "world"]);
  expect(opened.counts).toMatchObject({ written: 2, dropped: 1 });
});

test("a UDP server that refuses is told of, and tried again", async () => {
  const { port } = await (async () => {
    await using server = await startUdpServer();
    return server;
  })();
  const rsyslogPlace = { host: "127.0.0.1", port };
  const opened = open("rsyslog", { rsyslogNetwork: "udp", rsyslogPlace });
  opened.write("lost\n", TIME_MS);
  await waitFor("the notice", () => notices.length === 1);
  await using server = await startUdpServer(port);
  await waitFor("a message", () => {
    opened.write("hello\n", TIME_MS);
    return server.messages.length > 0;
  });
  expect(server.messages[0]).toEndWith(" hello");
});
