import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLogServer } from "../../tests/fixtures/log-servers.ts";
import { waitFor } from "../../tests/kit/index.ts";
import { readGlobal } from "../config/load-config.ts";
import type { GlobalConfig } from "../config/index.ts";
import { createLoggers } from "./create-loggers.ts";

function settings(loggers: object): GlobalConfig["loggers"] {
  const result = readGlobal(JSON.stringify({ loggers }), "gatewayd.yaml", { env: {} });
  if (!result.ok) throw new Error(JSON.stringify(result.issues));
  return result.config.value.loggers;
}

test("loggers that were handed out follow new settings, children too", () => {
  const loggers = createLoggers(settings({ default: { level: "error" } }));
  const { main } = loggers;
  const child = main.child({ name: "writes" });
  expect(child.isEnabled("warn")).toBe(false);
  loggers.reconfigure(settings({ default: { level: "debug" }, second: { level: "warn" } }));
  expect([main.isEnabled("debug"), child.isEnabled("debug")]).toEqual([true, true]);
  expect(loggers.of("second").isEnabled("info")).toBe(false);
  expect(loggers.of("second").isEnabled("warn")).toBe(true);
});

test("a group that has no settings, any more or yet, logs as the main one does", () => {
  const loggers = createLoggers(settings({ default: { level: "warn" }, second: {} }));
  const [second, third] = [loggers.of("second"), loggers.of("third")];
  expect(third.isEnabled("info")).toBe(false);
  loggers.reconfigure(settings({ default: { level: "debug" }, third: { level: "error" } }));
  expect([second.isEnabled("debug"), third.isEnabled("warn")]).toEqual([true, false]);
  expect(loggers.of("second")).toBe(second);
  expect(loggers.of("third")).toBe(third);
  expect(Object.keys(loggers.levels())).toEqual(["default", "third"]);
  expect(loggers.setLevel("second", "trace")).toBe(false);
  loggers.reconfigure(settings({ default: { level: "debug" }, second: { level: "fatal" } }));
  expect([second.isEnabled("error"), third.isEnabled("debug")]).toEqual([false, true]);
});

test("levels change at run time, for one group", () => {
  const loggers = createLoggers(settings({ default: {}, second: { level: "warn" } }));
  expect(loggers.levels()).toEqual({ default: "info", second: "warn" });
  expect(loggers.setLevel("second", "trace")).toBe(true);
  expect(loggers.setLevel("third", "trace")).toBe(false);
  expect(loggers.levels()).toEqual({ default: "info", second: "trace" });
  expect(loggers.of("second").isEnabled("trace")).toBe(true);
  expect(loggers.main.isEnabled("debug")).toBe(false);
});

describe("outputs", () => {
  let directory = "";
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "gatewayd-log-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));
  const file = (name: string) => ({ output: ["file"], fileName: join(directory, name) });
  const recordsIn = (name: string): readonly Record<string, unknown>[] =>
    readFileSync(join(directory, name), "utf8")
      .split("\n")
      .flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Record<string, unknown>]));

  test("that are one file are written by turns", async () => {
    const loggers = createLoggers(settings({ default: file("log"), second: file("log") }));
    for (let turn = 0; turn < 100; turn += 1) {
      loggers.main.info("a", { turn });
      loggers.of("second").info("b", { turn });
    }
    expect(loggers.sinks()).toHaveLength(1);
    await loggers.close();
    expect(recordsIn("log").map(({ group, turn }) => [group, turn])).toEqual(
      Array.from({ length: 200 }, (_, at) => [at % 2 ? "second" : "default", at >> 1]),
    );
  });

  test("that are not used any more are closed, with all they had; the others go on", async () => {
    const loggers = createLoggers(settings({ default: file("a"), second: file("b") }));
    loggers.main.info("to a");
    loggers.of("second").info("to b");
    loggers.reconfigure(settings({ default: file("b"), second: file("b") }));
    loggers.main.info("to b too");
    expect(loggers.sinks().map(({ target }) => target)).toEqual([join(directory, "b")]);
    await waitFor("the first file", () => recordsIn("a").length === 1, { retryErrors: true });
    await loggers.close();
    expect(recordsIn("b").map(({ message }) => message)).toEqual(["to b", "to b too"]);
  });

  test("that are let go of lose nothing to the end of the process", () => {
    const loggers = createLoggers(settings({ default: file("a") }));
    loggers.main.info("to a");
    loggers.reconfigure(settings({ default: file("b") }));
    loggers.main.info("to b");
    loggers.flushSync();
    expect([recordsIn("a"), recordsIn("b")].map((records) => records.length)).toEqual([1, 1]);
  });

  test("of a group that is gone are closed, and what it still says is in the main ones", async () => {
    const loggers = createLoggers(settings({ default: file("a"), second: file("b") }));
    const second = loggers.of("second");
    second.info("first");
    loggers.reconfigure(settings({ default: file("a") }));
    second.info("last");
    loggers.reconfigure(settings({ default: file("c") }));
    second.info("very last");
    expect(loggers.sinks().map(({ target }) => target)).toEqual([join(directory, "c")]);
    await loggers.close();
    const messages = ["a", "b", "c"].map((name) => recordsIn(name).map(({ message }) => message));
    expect(messages).toEqual([["last"], ["first"], ["very last"]]);
  });

  test("that are one file all the time are rotated by the new settings", async () => {
    const about = { ...file("log"), compress: false };
    const loggers = createLoggers(settings({ default: { ...about, maxSize: 100 } }));
    const text = "x".repeat(600_000);
    loggers.main.info(text);
    loggers.reconfigure(settings({ default: { ...about, maxSize: 1 } }));
    loggers.main.info(text);
    await loggers.close();
    expect(recordsIn("log")).toHaveLength(1);
    expect(readdirSync(directory)).toHaveLength(2);
  });

  test("that fail are told of by the others of the group, not by those of another", async () => {
    const broken = { ...file("."), output: ["file", "rsyslog"] };
    await using server = await startLogServer();
    const loggers = createLoggers(
      settings({
        default: file("log"),
        second: { ...broken, rsyslogAddress: `127.0.0.1:${server.port}` },
      }),
    );
    loggers.main.info("hello");
    await waitFor("the notice", () => server.messages.length === 1);
    await loggers.close();
    expect(server.messages[0]).toContain('"group":"second","output":"file"');
    expect(server.messages[0]).toContain('"code":"ERR_LOG_OUTPUT"');
    expect(recordsIn("log").map(({ message }) => message)).toEqual(["hello"]);
  });
});
