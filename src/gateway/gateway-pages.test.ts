import { afterEach, beforeEach, expect, test } from "bun:test";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, waitFor } from "../../tests/kit/index.ts";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import { formatIssue } from "../config/index.ts";
import type { LoadedConfig } from "../config/index.ts";
import { readGlobal } from "../config/load-config.ts";
import { GatewayPages } from "./gateway-pages.ts";

const TLS = join(import.meta.dir, "..", "..", "tests", "fixtures", "tls");

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatewayd-pages-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** The part of a plan that pages go by: a group `default` and what `metrics` says. */
function planOf(metrics: object, groups: readonly string[] = ["default"]) {
  const each = <T>(value: T) => Object.fromEntries(groups.map((group) => [group, value]));
  const keys = {
    metrics,
    clients: each({ writes: { address: "127.0.0.1:5432" } }),
    pools: each({ writes: {} }),
    proxies: each({ writes: {} }),
    servers: Object.fromEntries(
      groups.map((group, index) => [group, { address: `127.0.0.1:${20_000 + index}` }]),
    ),
  };
  const result = readGlobal(JSON.stringify(keys), "gatewayd.yaml", { env: {} });
  if (!result.ok) throw new Error(result.issues.map(formatIssue).join("\n"));
  return { after: { global: result.config.value } as LoadedConfig };
}

async function setUp(metrics: object) {
  const logger = new MemoryLogger();
  const { global } = planOf(metrics).after;
  const pages = new GatewayPages({
    version: "0.0.0",
    metrics: global.metrics,
    now: () => performance.now(),
    loggerOf: () => logger,
    state: () => ({ groups: [], plugins: [], logs: [], spans: undefined }),
    withPlugins: (own) => own,
  });
  pages.watchOf("default", global.metrics);
  await pages.open(global.metrics, ["default"], false);
  return {
    pages,
    logger,
    reload: async (changed: object, groups?: readonly string[]) =>
      await pages.prepare(planOf(changed, groups)).apply(),
  };
}

async function status(port: number, scheme = "http", path = "/metrics"): Promise<number | string> {
  const url = `${scheme}://127.0.0.1:${port}${path}`;
  return await fetch(url, { tls: { rejectUnauthorized: false } }).then(
    async (response) => {
      await response.text();
      return response.status;
    },
    () => "nobody",
  );
}

test("a page moves to another address, and none is left", async () => {
  const [first, second] = [await freePort(), await freePort()];
  const at = (port: number) => ({ default: { address: `127.0.0.1:${port}` } });
  const { pages, reload } = await setUp(at(first));
  expect([await status(first), await status(second)]).toEqual([200, "nobody"]);
  expect(await reload(at(second))).toEqual([]);
  expect(await status(second)).toBe(200);
  await waitFor("the first one to be gone", () => status(first), {
    until: (seen) => seen === "nobody",
  });
  expect(await reload({ default: { enabled: false } })).toEqual([]);
  await waitFor("the second one to be gone", () => status(second), {
    until: (seen) => seen === "nobody",
  });
  expect(await reload(at(first))).toEqual([]);
  expect(await status(first)).toBe(200);
  await pages.close();
});

test("a group that was not counted from the beginning is told of", async () => {
  const port = await freePort();
  const page = { address: `127.0.0.1:${port}` };
  const { pages, reload } = await setUp({ default: page });
  const metrics = { default: page, other: { ...page, path: "/other" } };
  expect(await reload(metrics, ["default", "other"])).toEqual([
    "metrics: what is counted of other is there after a restart only",
  ]);
  expect(await status(port, "http", "/other")).toBe(200);
  await pages.close();
});

test("a reload is refused for a certificate that cannot be used", async () => {
  const port = await freePort();
  const page = { address: `127.0.0.1:${port}` };
  const { pages, reload } = await setUp({ default: page });
  const certFile = join(directory, "nothing.crt");
  const tls = { certFile, keyFile: join(TLS, "server.key") };
  await expect(reload({ default: { ...page, ...tls } })).rejects.toThrow("nothing.crt");
  expect(await status(port)).toBe(200);
  await pages.close();
});

test("at the start a page waits for a certificate that can be used", async () => {
  const port = await freePort();
  const [certFile, keyFile] = [join(directory, "page.crt"), join(directory, "page.key")];
  writeFileSync(certFile, "not yet");
  writeFileSync(keyFile, "not yet");
  const { pages, logger } = await setUp({
    default: { address: `127.0.0.1:${port}`, certFile, keyFile },
  });
  expect(await status(port, "https")).toBe("nobody");
  expect(logger.records.some(({ level }) => level === "error")).toBe(true);
  copyFileSync(join(TLS, "server.key"), keyFile);
  copyFileSync(join(TLS, "server.crt"), certFile);
  await waitFor("the page", () => status(port, "https"), {
    until: (seen) => seen === 200,
    deadlineMs: 15_000,
  });
  await pages.close();
}, 30_000);
