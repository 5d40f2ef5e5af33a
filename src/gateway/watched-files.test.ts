import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../../tests/kit/index.ts";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import { GatewayError } from "../errors.ts";
import { WatchedFiles } from "./watched-files.ts";
import type { FileSource } from "./watched-files.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-watched-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(name: string, text: string): string {
  const file = join(directory, name);
  writeFileSync(file, text);
  return file;
}

/** What is in a file; `bad` cannot be used. */
function source(file?: string): FileSource<string> {
  return {
    what: "words",
    files: file === undefined ? [] : [file],
    read() {
      const text = file === undefined ? "none" : readFileSync(file, "utf8");
      if (text === "bad") throw new GatewayError("ERR_CONFIG_INVALID", "bad words");
      return text;
    },
    describe: (text) => ({ text }),
  };
}

function setUp(first: FileSource<string>) {
  const logger = new MemoryLogger();
  const heard: string[] = [];
  const files = new WatchedFiles({
    ...first,
    logger,
    onChange: () => void heard.push(files.current),
  });
  return { files, logger, heard };
}

test("a reload reads the files at once, and nothing is in effect before it is applied", async () => {
  const file = write("a", "one");
  const { files, logger, heard } = setUp(source(file));
  write("a", "other");
  const prepared = files.prepare();
  expect(files.current).toBe("one");
  await prepared.apply();
  expect([files.current, heard]).toEqual(["other", ["other"]]);
  expect(logger.records).toEqual([
    { level: "info", message: "Reloaded the words", fields: { text: "other" } },
  ]);
});

test("a reload of files that have not changed is not told of", async () => {
  const { files, logger, heard } = setUp(source(write("a", "one")));
  await files.prepare().apply();
  expect([files.current, heard, logger.records]).toEqual(["one", [], []]);
});

test("a reload is refused for files that cannot be used", () => {
  const { files } = setUp(source(write("a", "one")));
  write("a", "bad");
  expect(() => files.prepare()).toThrow("bad words");
  expect(files.current).toBe("one");
});

test("other files take their place, and are the ones that are watched", async () => {
  const [first, second] = [write("a", "one"), write("b", "two")];
  const { files, heard } = setUp(source(first));
  files.watch();
  await files.prepare(source(second)).apply();
  expect([files.current, heard]).toEqual(["two", ["two"]]);
  write("a", "nobody reads this");
  write("b", "three, and longer");
  await waitFor("the change", () => heard.length === 2);
  expect(heard).toEqual(["two", "three, and longer"]);
  files.close();
});

test("there may be none, and then some that are watched, and none again", async () => {
  const { files, heard } = setUp(source());
  files.watch();
  expect(files.current).toBe("none");
  const file = write("a", "one");
  await files.prepare(source(file)).apply();
  write("a", "two, and longer");
  await waitFor("the change", () => files.current === "two, and longer");
  await files.prepare(source()).apply();
  expect([files.current, heard]).toEqual(["none", ["one", "two, and longer", "none"]]);
  files.close();
});

test("bad files are told of once, and the good ones that follow are used", async () => {
  const { files, logger } = setUp(source(write("a", "one")));
  files.watch();
  write("a", "bad");
  await waitFor("the error", () => logger.count(FAILURE) === 1);
  write("a", "good again");
  await waitFor("the change", () => files.current === "good again");
  expect(logger.count(FAILURE)).toBe(1);
  files.close();
});

const FAILURE = "Failed to reload the words, keeping the old ones";
