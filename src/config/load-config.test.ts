import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatIssue } from "./config-issue.ts";
import { flattenPayload, configPayload } from "./config-payload.ts";
import { loadConfig, loadGlobalConfig, loadPluginsConfig, readGlobal } from "./load-config.ts";
import type { LoadedConfig, LoadOptions } from "./loaded-config.ts";

const FIXTURES = new URL("../../tests/fixtures/config/", import.meta.url).pathname;
const directory = mkdtempSync(join(tmpdir(), "gatewayd-config-"));
afterAll(() => rmSync(directory, { recursive: true }));

function load(options: Partial<LoadOptions>): LoadedConfig {
  const result = loadConfig({ env: {}, ...options });
  if (!result.ok) throw new Error(result.issues.map(formatIssue).join("\n"));
  return result.config;
}

const ORIGINAL = {
  configPath: join(FIXTURES, "gatewayd-0.10.3.yaml"),
  pluginConfigPath: join(FIXTURES, "gatewayd_plugins-0.10.3.yaml"),
  env: { REDIS_URL: "redis://localhost:6379/0" },
};

test("the files of the original load, with warnings: both blocks get writes, and its API is open", () => {
  const config = load(ORIGINAL);
  expect(config.warnings.map(({ path }) => path)).toEqual([
    "clients.default",
    "api.httpAddress",
    "api.grpcAddress",
  ]);
  expect(Object.keys(config.global.clients["default"] ?? {})).toEqual(["writes", "reads"]);
  expect(config.global.servers["default"]?.loadBalancer).toMatchObject({
    strategy: "ROUND_ROBIN",
    consistentHash: { useSourceIp: true },
  });
  expect(config.plugins.plugins[0]).toMatchObject({ name: "gatewayd-plugin-cache", enabled: true });
  expect(config.plugins.plugins[0]?.env).toContain("REDIS_URL=redis://localhost:6379/0");
});

test("every key of the original has the default it had there", () => {
  const text = readFileSync(ORIGINAL.configPath, "utf8");
  const reads = / {4}reads:\n(?: {6}.*\n)+/g;
  const withoutReads = text.replace(reads, "");
  const written = readGlobal(withoutReads, "f.yaml", { env: {} });
  const defaults = readGlobal("", "f.yaml", { env: {} });
  if (!written.ok || !defaults.ok) throw new Error("both load");
  const flatten = (loaded: typeof written.config) =>
    flattenPayload(configPayload({ global: loaded.value, origins: loaded.origins }));
  // What the shipped file of the original sets otherwise than its defaults.
  expect(flatten(written.config)).toEqual({
    ...flatten(defaults.config),
    "metrics.default.address": "0.0.0.0:9090",
    "api.httpAddress": "0.0.0.0:18080",
    "api.grpcAddress": "0.0.0.0:19090",
    "raft.address": "127.0.0.1:2222",
    "servers.default.loadBalancer.consistentHash.useSourceIp": true,
  });
});

test("without a plugins file there are no plugins", () => {
  const previous = process.cwd();
  process.chdir(directory);
  try {
    const config = load({ configPath: ORIGINAL.configPath });
    expect(config.pluginsPath).toBeUndefined();
    expect(config.plugins.plugins).toEqual([]);
    expect(config.plugins.timeout).toBe(30_000);
  } finally {
    process.chdir(previous);
  }
});

test("a file that is named and missing is an error that names it", () => {
  const configPath = join(directory, "none.yaml");
  const result = loadConfig({ ...ORIGINAL, configPath });
  expect(result).toMatchObject({
    ok: false,
    notFound: { what: "global", triedPaths: [configPath] },
  });
  const plugins = loadConfig({ ...ORIGINAL, pluginConfigPath: configPath });
  expect(plugins).toMatchObject({ ok: false, notFound: { what: "plugins" } });
});

test("files that are not named are looked for here, then in /etc", () => {
  const previous = process.cwd();
  process.chdir(directory);
  try {
    const triedPaths = ["./gatewayd.yaml", "/etc/gatewayd.yaml"];
    expect(loadGlobalConfig({ env: {} })).toMatchObject({
      notFound: { what: "global", triedPaths },
    });
    expect(loadPluginsConfig({ env: {} })).toMatchObject({
      ok: false,
      notFound: { what: "plugins" },
    });
    writeFileSync("gatewayd.yaml", "pools: {default: {writes: {size: 3}}}");
    expect(load({}).globalPath).toBe("gatewayd.yaml");
    rmSync("gatewayd.yaml");
  } finally {
    process.chdir(previous);
  }
});

test("a file that is no text, or no file, is an error", () => {
  const path = join(directory, "binary.yaml");
  writeFileSync(path, new Uint8Array([0xff, 0xfe, 0x00]));
  expect(loadGlobalConfig({ configPath: path, env: {} })).toMatchObject({
    ok: false,
    issues: [{ file: path, message: expect.stringContaining("cannot be read") }],
  });
  expect(loadGlobalConfig({ configPath: directory, env: {} }).ok).toBe(false);
});

test("the issues of both files come together", () => {
  const result = loadConfig({
    configPath: join(FIXTURES, "faulty.yaml"),
    pluginConfigPath: join(FIXTURES, "faulty_plugins.yaml"),
    env: {},
  });
  const files = new Set(result.ok ? [] : result.issues.map(({ file }) => file));
  expect(files.size).toBe(2);
});

test("an unknown variable is told once for both files", () => {
  const { warnings } = load({ ...ORIGINAL, env: { ...ORIGINAL.env, GATEWAYD_BOGUS: "1" } });
  expect(warnings.filter(({ env }) => env === "GATEWAYD_BOGUS")).toHaveLength(1);
});

test("every value has an origin", () => {
  const { origins } = load({ ...ORIGINAL, env: { ...ORIGINAL.env, GATEWAYD_TIMEOUT: "5s" } });
  expect(origins.get("pools.default.reads.size")).toEqual({
    kind: "file",
    file: ORIGINAL.configPath,
    line: 66,
  });
  expect(origins.get("pools.default.reads.mode")).toEqual({ kind: "default" });
  expect(origins.get("timeout")).toEqual({ kind: "env", variable: "GATEWAYD_TIMEOUT" });
  expect(origins.get("plugins.0.localPath")).toMatchObject({ kind: "file" });
});
