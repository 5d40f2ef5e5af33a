import { expect, test } from "bun:test";
import { pluginSource } from "./plugin-source.ts";

test.each([
  ["github.com/org/my-plugin@v0.2.4", "org", "my-plugin", "v0.2.4"],
  ["github.com/org/my-plugin", "org", "my-plugin", "latest"],
  ["https://github.com/org/my.plugin@latest", "org", "my.plugin", "latest"],
  ["http://github.com/org/p.git@v1", "org", "p", "v1"],
  ["github.com/org/p/@v1.0.0-rc.1+x", "org", "p", "v1.0.0-rc.1+x"],
])("%p is a release", (argument, account, repository, version) => {
  expect(pluginSource(argument)).toEqual({ kind: "release", account, repository, version });
});

test("a file is an archive", () => {
  expect(pluginSource(import.meta.path)).toEqual({ kind: "archive", path: import.meta.path });
});

test.each([
  "my-plugin",
  "./absent.tar.gz",
  "https://example.com/org/p@v1",
  "github.com/org",
  "github.com/org/..@v1",
  "github.com/org/p@../v1",
  "github.com/org/p/tree/main",
])("%p is neither", (argument) => {
  expect(() => pluginSource(argument)).toThrow(`Invalid URL or file path: ${argument}`);
});

test("a directory is no archive", () => {
  expect(() => pluginSource(import.meta.dir)).toThrow("is not a file");
});
