import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { collectorUrl, collectorUrlProblem } from "./collector-url.ts";

test.each([
  ["localhost:4317", false, "http://localhost:4317"],
  [" localhost:4317 ", true, "https://localhost:4317"],
  ["http://otel:4317", false, "http://otel:4317"],
  ["http://otel:4317", true, "https://otel:4317"],
  ["https://otel:4317", false, "https://otel:4317"],
  ["[::1]:4317", false, "http://[::1]:4317"],
  ["unix:/run/otel.sock", true, "unix:///run/otel.sock"],
  ["unix:///run/otel.sock", false, "unix:///run/otel.sock"],
  ["unix:otel.sock", false, `unix://${resolve("otel.sock")}`],
])("%j, encrypted %p, is %s", (text, isEncrypted, expected) => {
  expect(collectorUrlProblem(text, isEncrypted)).toBeUndefined();
  expect(collectorUrl(text, isEncrypted)).toBe(expected);
});

test.each([
  ["", "must be host:port"],
  ["ftp://otel:21", "must be host:port"],
  ["http://", "must be host:port"],
  ["otel:port", "must be host:port"],
  ["unix:", "must be host:port"],
  ["unix://host/otel.sock", "must be host:port"],
  ["https://127.0.0.1:4317", "must have the collector's name"],
  ["https://[::1]:4317", "must have the collector's name"],
  ["http://user:word@otel:4317", "must not hold a password"],
])("%j is none: it %s", (text, problem) => {
  expect(collectorUrlProblem(text, false)).toContain(problem);
});

test("an address that is to be encrypted to must be a name", () => {
  expect(collectorUrlProblem("10.0.0.1:4317", true)).toContain("must have the collector's name");
  expect(collectorUrlProblem("10.0.0.1:4317", false)).toBeUndefined();
});
