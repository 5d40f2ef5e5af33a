import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
} from "node:fs";
import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { testWhere, waitFor } from "../../tests/kit/index.ts";
import { FileSink } from "./file-sink.ts";
import type { FileSinkOptions } from "./file-sink.ts";
import type { SinkNotice } from "./log-sink.ts";

let directory = "";
let notices: SinkNotice[] = [];
let sinks: FileSink[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-log-"));
  notices = [];
  sinks = [];
});

afterEach(async () => {
  await Promise.all(sinks.map((sink) => sink.close()));
  rmSync(directory, { recursive: true });
});

const ROTATION = { maxBackups: 0, maxAge: 0, compress: false, localTime: false };

function open(options: Partial<FileSinkOptions> = {}): FileSink {
  const sink = new FileSink({
    path: join(directory, "gatewayd.log"),
    maxBytes: 1_000_000,
    rotation: ROTATION,
    tell: (notice) => void notices.push(notice),
    ...options,
  });
  sinks.push(sink);
  return sink;
}

const contents = (name = "gatewayd.log") => readFileSync(join(directory, name), "utf8");
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, index) => `line ${from + index}\n`);
const written = (sink: FileSink, count: number) =>
  waitFor(`${count} lines`, () => sink.counts.written === count);
const noticed = (count: number) => waitFor(`${count} notices`, () => notices.length >= count);
const messages = () => notices.map(({ message }) => message);

test("lines come in order, behind what is there, and only their owner may read them", async () => {
  const sink = open();
  for (const line of lines(0, 1000)) sink.write(line);
  await written(sink, 1000);
  expect(contents()).toBe(lines(0, 1000).join(""));
  expect(statSync(sink.target).mode & 0o777).toBe(0o600);
  await sink.close();
  const next = open();
  next.write("next\n");
  await next.close();
  expect(contents()).toBe(`${lines(0, 1000).join("")}next\n`);
});

test("a folder that is missing is made", async () => {
  const sink = open({ path: join(directory, "a", "b", "gatewayd.log") });
  sink.write("hello\n");
  await sink.close();
  expect(contents("a/b/gatewayd.log")).toBe("hello\n");
});

test("close hands on what was written a moment ago; what comes later is lost and counted", async () => {
  const sink = open();
  for (const line of lines(0, 100)) sink.write(line);
  await sink.close();
  expect(contents()).toBe(lines(0, 100).join(""));
  sink.write("late\n");
  expect(sink.counts).toMatchObject({ written: 100, dropped: 1 });
});

describe("flushSync", () => {
  test("leaves nothing behind, before the file was opened", () => {
    const sink = open();
    sink.write("last words\n");
    sink.flushSync();
    expect(contents()).toBe("last words\n");
  });

  test("leaves nothing behind and repeats nothing, whenever it comes", async () => {
    for (let turn = 0; turn < 30; turn += 1) {
      const sink = open({ path: join(directory, `turn-${turn}.log`) });
      for (const line of lines(0, 5000)) sink.write(line);
      // Opening, writing and what lies between take a few turns of the event loop each.
      for (let step = 0; step < turn; step += 1) await new Promise(setImmediate);
      for (const line of lines(5000, 6000)) sink.write(line);
      sink.flushSync();
      expect(contents(`turn-${turn}.log`) === lines(0, 6000).join("")).toBe(true);
      expect(sink.counts).toMatchObject({ written: 6000, dropped: 0 });
    }
  });
});

test("close lets nothing go on, after flushSync either", async () => {
  for (let turn = 0; turn < 30; turn += 1) {
    const folder = join(directory, `turn-${turn}`);
    const sink = open({ path: join(folder, "gatewayd.log"), maxBytes: 1000 });
    for (const line of lines(0, 1000)) sink.write(line);
    for (let step = 0; step < turn; step += 1) await new Promise(setImmediate);
    sink.flushSync();
    await sink.close();
    rmSync(folder, { recursive: true });
    for (let step = 0; step < 20; step += 1) await new Promise(setImmediate);
    expect([existsSync(folder), messages()]).toEqual([false, []]);
  }
});

describe("rotation", () => {
  test("happens before the file gets too long, and splits no line", async () => {
    const sink = open({ maxBytes: 1000 });
    const all = lines(100, 400);
    for (const line of all) sink.write(line);
    await sink.close();
    const names = readdirSync(directory).sort();
    expect(names).toHaveLength(3);
    expect(names.at(-1)).toBe("gatewayd.log");
    for (const name of names.slice(0, -1)) {
      expect(name).toMatch(/^gatewayd-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log$/);
      expect(contents(name).length).toBeWithin(900, 1001);
    }
    expect(names.map((name) => contents(name)).join("")).toBe(all.join(""));
  });

  test("gives a line that is longer than a file one of its own", async () => {
    const sink = open({ maxBytes: 100 });
    const long = `${"x".repeat(500)}\n`;
    for (const line of ["a\n", long, "b\n"]) sink.write(line);
    await sink.close();
    const names = readdirSync(directory).sort();
    expect(names.map((name) => contents(name))).toEqual(["a\n", long, "b\n"]);
  });

  test("counts what is there when the file is opened", async () => {
    const first = open({ maxBytes: 1000 });
    for (const line of lines(100, 200)) first.write(line);
    await first.close();
    const second = open({ maxBytes: 1000 });
    for (const line of lines(200, 220)) second.write(line);
    await second.close();
    expect(readdirSync(directory)).toHaveLength(2);
  });

  test("compresses, keeps the newest and keeps the mode of the file", async () => {
    const rotation = { ...ROTATION, maxBackups: 2, compress: true };
    const sink = open({ maxBytes: 1000, rotation });
    for (const line of lines(100, 200)) sink.write(line);
    await written(sink, 100);
    chmodSync(sink.target, 0o640);
    for (const line of lines(200, 700)) sink.write(line);
    await sink.close();
    const names = readdirSync(directory).sort();
    expect(names).toHaveLength(3);
    expect(names.filter((name) => name.endsWith(".log.gz"))).toHaveLength(2);
    const kept = names
      .filter((name) => name.endsWith(".gz"))
      .map((name) => {
        return Bun.gunzipSync(readFileSync(join(directory, name))).length;
      });
    expect(kept).toEqual([1000 - (1000 % 9), 1000 - (1000 % 9)]);
    expect(statSync(sink.target).mode & 0o777).toBe(0o640);
  });

  test("that is not possible loses nothing", async () => {
    const sink = open({ maxBytes: 100 });
    sink.write("first\n");
    await written(sink, 1);
    // The name of the file is another thing now, which cannot be moved away from under itself.
    rmSync(sink.target);
    for (const line of lines(0, 50)) sink.write(line);
    await written(sink, 51);
    expect(messages()).toContain("The log file cannot be rotated");
    expect(sink.counts.dropped).toBe(0);
  });
});

test("reopen goes on in a new file after the old one was moved away", async () => {
  const sink = open();
  sink.write("old\n");
  await written(sink, 1);
  renameSync(sink.target, join(directory, "moved.log"));
  sink.reopen();
  sink.write("new\n");
  await written(sink, 2);
  expect([contents("moved.log"), contents()]).toEqual(["old\n", "new\n"]);
});

test("a file that something else has emptied is gone on with, to the last line", async () => {
  const sink = open({ maxBytes: 1000 });
  for (const line of lines(100, 200)) sink.write(line);
  await written(sink, 100);
  truncateSync(sink.target);
  for (const line of lines(200, 300)) sink.write(line);
  await written(sink, 200);
  expect(readdirSync(directory)).toEqual(["gatewayd.log"]);
  truncateSync(sink.target);
  const all = lines(0, 20_000);
  for (const line of all) sink.write(line);
  for (let step = 0; step < 4; step += 1) await new Promise(setImmediate);
  const sinceMs = performance.now();
  sink.flushSync();
  expect(performance.now() - sinceMs).toBeLessThan(900);
  expect(sink.counts).toMatchObject({ written: 20_200, dropped: 0 });
});

test("a full device is told of once, holds up nobody, and what it cost is counted", async () => {
  const sink = open({ path: "/dev/full" });
  const line = `${"x".repeat(1000)}\n`;
  const sinceMs = performance.now();
  for (let count = 0; count < 10_000; count += 1) sink.write(line);
  expect(performance.now() - sinceMs).toBeLessThan(2_000);
  await noticed(1);
  expect(messages()).toEqual(["An output of the log fails, trying until it works"]);
  expect(sink.counts.dropped).toBeGreaterThan(5_000);
  await sink.close();
  expect(sink.counts).toMatchObject({ written: 0, dropped: 10_000 });
});

/** Where file systems can be mounted. @returns false elsewhere */
function mountSmall(path: string): boolean {
  mkdirSync(path, { recursive: true });
  return Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", path]).success;
}

function canMount(): boolean {
  const path = mkdtempSync(join(tmpdir(), "gatewayd-mount-"));
  const isMounted = mountSmall(path);
  if (isMounted) Bun.spawnSync(["umount", path]);
  rmSync(path, { recursive: true });
  return isMounted;
}

testWhere(canMount(), "file systems cannot be mounted here")(
  "a file system that is full in the middle of a line, and then not any more, has every line once",
  async () => {
    const folder = join(directory, "small");
    mountSmall(folder);
    try {
      writeFileSync(join(folder, "ballast"), Buffer.alloc(40_000));
      const sink = open({ path: join(folder, "gatewayd.log") });
      const all = lines(1000, 5000);
      for (const line of all) sink.write(line);
      await noticed(1);
      expect(notices[0]?.fields["error"]).toMatchObject({ code: "ENOSPC" });
      rmSync(join(folder, "ballast"));
      await written(sink, 4000);
      expect(contents("small/gatewayd.log") === all.join("")).toBe(true);
      await sink.close();
    } finally {
      Bun.spawnSync(["umount", folder]);
    }
  },
);

test("a place that is not permitted is tried until it is, and what was lost meanwhile is told", async () => {
  const folder = join(directory, "folder");
  mkdirSync(join(folder, "gatewayd.log"), { recursive: true });
  const sink = open({ path: join(folder, "gatewayd.log"), maxBytes: 10_000_000 });
  const line = `${"x".repeat(999)}\n`;
  for (let count = 0; count < 5_000; count += 1) sink.write(line);
  await noticed(1);
  rmSync(sink.target, { recursive: true });
  await noticed(2);
  const { counts } = sink;
  expect(counts.written + counts.dropped).toBe(5_000);
  expect(notices[1]).toMatchObject({
    level: "warn",
    message: "An output of the log works again",
    fields: { output: "file", target: sink.target, lost: counts.dropped },
  });
  expect(contents("folder/gatewayd.log") === line.repeat(counts.written)).toBe(true);
});

describe("a pipe", () => {
  const pipe = () => {
    const path = join(directory, "pipe");
    Bun.spawnSync(["mkfifo", path]);
    return path;
  };

  test("without a reader is waited for", async () => {
    const path = pipe();
    const sink = open({ path });
    sink.write("hello\n");
    await noticed(1);
    const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    await written(sink, 1);
    const bytes = Buffer.alloc(100);
    expect(bytes.toString("utf8", 0, readSync(reader, bytes))).toBe("hello\n");
    closeSync(reader);
  });

  test("whose reader stops holds up nobody, and goes on where it stopped", async () => {
    const path = pipe();
    const reader = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const sink = open({ path });
    const all = lines(10_000, 40_000);
    for (const line of all) sink.write(line);
    let text = "";
    const bytes = Buffer.alloc(65_536);
    await waitFor(
      "everything to come",
      () => {
        text += bytes.toString("utf8", 0, readSync(reader, bytes));
        return text === all.join("");
      },
      { retryErrors: true, deadlineMs: 15_000 },
    );
    closeSync(reader);
  });
});

test("a standard stream that leads to a file is written to behind what others have written", async () => {
  const path = join(directory, "out");
  writeFileSync(path, "before\n");
  const fd = openSync(path, constants.O_WRONLY | constants.O_APPEND);
  const sink = open({ path: "", stream: { kind: "stdout", fd }, maxBytes: Infinity });
  expect(sink.kind).toBe("stdout");
  sink.write("one\n");
  sink.reopen();
  await written(sink, 1);
  writeFileSync(path, "other\n", { flag: "a" });
  sink.write("two\n");
  await sink.close();
  expect(contents("out")).toBe("before\none\nother\ntwo\n");
  // It is not the sink's to close.
  closeSync(fd);
});
