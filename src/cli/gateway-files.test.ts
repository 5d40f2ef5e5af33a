import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../config/index.ts";
import { GatewayFiles } from "./gateway-files.ts";

const started = process.cwd();
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-files-"));
  process.chdir(directory);
});

afterEach(() => {
  process.chdir(started);
  rmSync(directory, { recursive: true });
});

/** What is wrong with the files as they are now; nothing: that they name groups, and so many plugins. */
function load(files: GatewayFiles): string {
  const result = loadConfig(files.read());
  if (!result.ok) return result.issues.map(({ message }) => message).join("; ");
  const { global, plugins } = result.config;
  return `${Object.keys(global.servers).join()} ${plugins.plugins.length}`;
}

const SHOP = "servers: { shop: {} }\nclients: { shop: { writes: {} } }\n";
const ONE_PLUGIN = `plugins: [{ name: p, localPath: ./p, checksum: ${"0".repeat(64)} }]\n`;

test("files that were found at the start are read again, and are missed when they are gone", () => {
  writeFileSync("gatewayd.yaml", SHOP);
  writeFileSync("gatewayd_plugins.yaml", ONE_PLUGIN);
  const files = new GatewayFiles({ env: {} });
  expect(load(files)).toBe("shop 1");
  rmSync("gatewayd_plugins.yaml");
  expect(load(files)).toMatch(/^not found: tried gatewayd_plugins\.yaml; /);
  writeFileSync("gatewayd_plugins.yaml", "plugins: []\n");
  expect(load(files)).toBe("shop 0");
  rmSync("gatewayd.yaml");
  expect(load(files)).toMatch(/^not found: tried gatewayd\.yaml; /);
});

test("a plugins file that comes later is found", () => {
  writeFileSync("gatewayd.yaml", SHOP);
  const files = new GatewayFiles({ env: {} });
  expect(load(files)).toBe("shop 0");
  writeFileSync("gatewayd_plugins.yaml", ONE_PLUGIN);
  expect(load(files)).toBe("shop 1");
});

test("a file that has become empty does not mean the defaults; one that was so from the start does", () => {
  writeFileSync("gatewayd.yaml", SHOP);
  writeFileSync("gatewayd_plugins.yaml", "");
  const files = new GatewayFiles({ env: {} });
  expect(load(files)).toBe("shop 0");
  writeFileSync("gatewayd.yaml", " \n");
  expect(load(files)).toBe("is empty, and was not at the start");
  writeFileSync("gatewayd.yaml", SHOP);
  expect(load(files)).toBe("shop 0");
});
