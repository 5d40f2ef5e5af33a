import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../../tests/kit/index.ts";
import { startLogServer } from "../../tests/fixtures/log-servers.ts";
import { OUTPUT_SETTINGS } from "../../tests/fixtures/memory-sink.ts";
import type { LogSink, SinkNotice } from "./log-sink.ts";
import { openSink } from "./open-sink.ts";
import type { StreamPlace } from "./stream-sink.ts";

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

function open(rsyslogNetwork: "tcp" | "unix", rsyslogPlace: StreamPlace): LogSink {
  const settings = { ...OUTPUT_SETTINGS, rsyslogNetwork, rsyslogPlace };
  sink = openSink("rsyslog", settings, (notice) => void notices.push(notice));
  return sink;
}

const TIME_MS = Date.parse("2024-03-02T12:24:51.987Z");
const tcp = (port: number) => ({ host: "127.0.0.1", port });
const texts = (messages: readonly string[]) => messages.map((message) => message.split(" - - ")[1]);

test.each(["tcp", "unix"] as const)("%s gets RFC 5424 with lengths in front", async (network) => {
  const path = join(directory, "log");
  await using server = await startLogServer(network === "tcp" ? 0 : path);
  const opened = open(network, network === "tcp" ? tcp(server.port) : { path });
  opened.write('{"message":"é\\n"}\n', TIME_MS);
  opened.write("world\n", TIME_MS);
  await waitFor("two messages", () => server.messages.length === 2);
  expect(server.messages[0]).toMatch(
    /^<30>1 2024-03-02T12:24:51\.987Z \S+ gatewayd \d+ - - \{"message":"é\\n"\}$/,
  );
  expect(texts(server.messages)[1]).toBe("world");
});

test("close hands on what was written a moment ago", async () => {
  await using server = await startLogServer();
  const opened = open("tcp", tcp(server.port));
  for (let count = 0; count < 5_000; count += 1) opened.write(`line ${count}\n`, TIME_MS);
  await opened.close();
  await waitFor("5000 messages", () => server.messages.length === 5_000);
  expect(texts(server.messages)).toEqual(
    Array.from({ length: 5_000 }, (_, count) => `line ${count}`),
  );
});

test("a server that is gone is connected to again; what found no room is counted and told", async () => {
  const first = await startLogServer();
  const { port } = first;
  const opened = open("tcp", tcp(port));
  opened.write("one\n", TIME_MS);
  await waitFor("a message", () => first.messages.length === 1);
  await first[Symbol.asyncDispose]();
  await waitFor("the notice", () => notices.length === 1);
  const line = `${"x".repeat(1_000)}\n`;
  for (let count = 0; count < 10_000; count += 1) opened.write(line, TIME_MS);
  const { dropped } = opened.counts;
  expect(dropped).toBeWithin(5_000, 7_000);
  await using second = await startLogServer(port);
  await waitFor("what waited", () => second.messages.length === 10_000 - dropped);
  await waitFor("the other notice", () => notices.length === 2);
  expect(notices[1]).toMatchObject({
    level: "warn",
    message: "An output of the log works again",
    fields: { output: "rsyslog", target: `tcp:127.0.0.1:${port}`, lost: dropped },
  });
});

test("a server that reads nothing holds up nobody, and misses nothing that found room", async () => {
  await using server = await startLogServer(0, { isReading: false });
  const opened = open("tcp", tcp(server.port));
  const line = `${"x".repeat(10_000)}\n`;
  const sinceMs = performance.now();
  for (let count = 0; count < 2_000; count += 1) {
    opened.write(line, TIME_MS);
    if (count % 100 === 0) await new Promise(setImmediate);
  }
  expect(performance.now() - sinceMs).toBeLessThan(3_000);
  await waitFor("lines that are lost", () => opened.counts.dropped > 0);
  const { dropped } = opened.counts;
  server.read();
  await waitFor("all others", () => server.messages.length === 2_000 - dropped);
  await waitFor("the notice", () => notices.length === 1);
  expect(notices[0]).toMatchObject({
    level: "warn",
    message: "An output of the log was too slow",
    fields: { lost: dropped },
  });
});

test("closing does not wait for a server that is not there", async () => {
  const { port } = await (async () => {
    await using server = await startLogServer();
    return server;
  })();
  const opened = open("tcp", tcp(port));
  opened.write("lost\n", TIME_MS);
  await waitFor("the notice", () => notices.length === 1);
  const sinceMs = performance.now();
  await opened.close();
  expect(performance.now() - sinceMs).toBeLessThan(1_000);
  expect(opened.counts).toMatchObject({ written: 0, dropped: 1 });
});
