import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findLeaks, secretsIn } from "./leaked-secrets.ts";

let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gatewayd-leaks-"));
});

afterAll(async () => rm(directory, { recursive: true }));

test.each([
  ['{ user: "alice", password: "hunter2" }', ["hunter2"]],
  ['const PASSWORD = "secr\\u00e9t 42";', ["secrét 42"]],
  ["env: { PGPASSWORD: 's3cret' }", ["s3cret"]],
  ['await scramLogin(client, "open sesame")', ["open sesame"]],
  ['password: `file:${path}`, password: "***"', []],
  ['password: "postgres"', []],
])("%s names its passwords", (source, expected) => {
  expect(secretsIn(source)).toEqual(expected);
});

test.each([
  ["INF hello user=alice", []],
  ["INF hello password=hunter2", ["hunter2"]],
  ['{"query":"alter role r password \'hunter2\'"}', ["hunter2"]],
  ["INF two\nINF hunter2 hunter2", ["hunter2"]],
  ["INF hunter2s unhunter2 public.hunter2", []],
  ["ERR one row of name, secret and valid_until", []],
  ["ERR one row of secret", ["secret"]],
  ["verifier=SCRAM-SHA-256$4096:abc==$def=:ghi=", ["SCRAM-SHA-256$4096:abc==$def=:ghi="]],
  ["verifier=md5d41d8cd98f00b204e9800998ecf8427e", ["md5d41d8cd98f00b204e9800998ecf8427e"]],
])("%s has leaks: %p", async (text, expected) => {
  await writeFile(join(directory, "gateway.txt"), text);
  const leaks = await findLeaks(directory, ["hunter2", "secret"]);
  expect(leaks.map(({ secret }) => secret)).toEqual(expected);
});
