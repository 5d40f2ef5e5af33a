import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeAt } from "./config-tree.ts";
import { readGlobal } from "./load-config.ts";
import { parseYaml } from "./parse-yaml.ts";
import { resolveSecrets } from "./secrets.ts";

const directory = mkdtempSync(join(tmpdir(), "gatewayd-secrets-"));
afterAll(() => rmSync(directory, { recursive: true }));

function resolve(value: string, env: Record<string, string> = {}) {
  const { root } = parseYaml(`a: {b: [${JSON.stringify(value)}]}`, "f.yaml");
  const issues = resolveSecrets(root, env);
  return { node: nodeAt(root, ["a", "b", 0]), issues };
}

test("variables are put in their place, wherever they stand in a value", () => {
  const { node, issues } = resolve("${HOST}:${PORT}", { HOST: "db", PORT: "5432" });
  expect(issues).toEqual([]);
  expect(node).toMatchObject({ text: "db:5432", value: "db:5432", isSecret: true });
});

test("what a variable holds is not read again", () => {
  expect(resolve("${A}", { A: "${B} file:x" }).node).toMatchObject({ text: "${B} file:x" });
});

test("a doubled dollar sign stands for itself", () => {
  const { node, issues } = resolve("$${HOME} costs $5 ${", {});
  expect(issues).toEqual([]);
  expect(node).toMatchObject({ text: "${HOME} costs $5 ${" });
  expect(node).not.toHaveProperty("isSecret");
});

test("a missing variable is an error with its place", () => {
  const { issues } = resolve("x${NO_SUCH}${NEITHER}");
  expect(issues).toEqual([
    {
      severity: "error",
      file: "f.yaml",
      line: 1,
      column: 9,
      path: "a.b.0",
      message: "environment variable NO_SUCH, NEITHER is not set",
    },
  ]);
});

test("a file gives its content without the last line break", () => {
  const path = join(directory, "password");
  writeFileSync(path, "line one\nsecret\n");
  expect(resolve(`file:${path}`).node).toMatchObject({ text: "line one\nsecret", isSecret: true });
});

test("a missing file is an error, and so is one that is too large", () => {
  expect(resolve(`file:${directory}/none`).issues[0]?.message).toContain("cannot read");
  const path = join(directory, "large");
  writeFileSync(path, "x".repeat(64 * 1024 + 1));
  expect(resolve(`file:${path}`).issues[0]?.message).toContain("too large");
});

test("an error about a secret does not tell it", () => {
  const text = "clients: {default: {writes: {address: '${SECRET}', backoff: '${SECRET}'}}}";
  const result = readGlobal(text, "f.yaml", { env: { SECRET: "hunter2" } });
  const messages = result.ok ? [] : result.issues.map(({ message }) => message);
  expect(messages).toHaveLength(2);
  expect(messages.join("\n")).not.toContain("hunter2");
});

test("a value whose secret is missing has no other fault", () => {
  const read = (address: string) =>
    readGlobal(`clients: {default: {writes: {address: "${address}"}}}`, "f.yaml", { env: {} });
  for (const address of [`file:${directory}/none`, "${NO_SUCH}"]) {
    const result = read(address);
    expect(result.ok ? [] : result.issues.map(({ message }) => message)).toEqual([
      expect.stringMatching(/^(cannot read|environment variable)/),
    ]);
  }
});
