import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "bun:test";
import type { Terminal } from "./terminal.ts";
import { writeDefaultFile } from "./write-default-file.ts";

let directory: string;
let printed: { out: string; err: string };
const terminal: Terminal = {
  out: async (text) => void (printed.out += text),
  err: async (text) => void (printed.err += text),
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-cli-"));
  printed = { out: "", err: "" };
});
afterEach(() => rmSync(directory, { recursive: true }));

test("a new file is written, readable by all, and told in a line", async () => {
  const path = join(directory, "x.yaml");
  expect(await writeDefaultFile(terminal, { path, content: "a: 1\n", isForced: false })).toBe(0);
  expect(printed).toEqual({ out: "", err: `Config file '${path}' was created successfully.\n` });
  expect(readFileSync(path, "utf8")).toBe("a: 1\n");
  expect(statSync(path).mode & 0o777).toBe(0o644 & ~process.umask());
});

test("an existing file is kept unless forced", async () => {
  const path = join(directory, "x.yaml");
  await Bun.write(path, "mine\n");
  expect(await writeDefaultFile(terminal, { path, content: "a: 1\n", isForced: false })).toBe(1);
  expect(printed.out).toBe(
    "Config file already exists. Use --force to overwrite or choose a different filename.\n",
  );
  expect(readFileSync(path, "utf8")).toBe("mine\n");

  expect(await writeDefaultFile(terminal, { path, content: "a: 1\n", isForced: true })).toBe(0);
  expect(printed.err).toBe(`Config file '${path}' was overwritten successfully.\n`);
  expect(readFileSync(path, "utf8")).toBe("a: 1\n");
});

test("a path that cannot be written is named", async () => {
  const path = join(directory, "absent", "x.yaml");
  expect(await writeDefaultFile(terminal, { path, content: "", isForced: false })).toBe(1);
  expect(printed.out).toStartWith(`Config file '${path}' could not be written: `);
});
