import { afterEach, expect, test } from "bun:test";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import { waitFor } from "../../tests/kit/index.ts";
import { readGlobal, readPlugins } from "../config/load-config.ts";
import { HookRegistry } from "../hooks/index.ts";
import { TimerWheel } from "../net/index.ts";
import { CancelKeys } from "../session/index.ts";
import { BuiltTenant } from "./built-tenant.ts";
import { ConnectionBudget, DescriptorBudget } from "./connection-budget.ts";
import { GroupFiles } from "./group-files.ts";
import type { Tenant } from "./tenant.ts";

const cleanUps: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
});

/** A group that listens on a unix socket, its pool not opened. */
async function setUp(): Promise<{ tenant: Tenant; path: string }> {
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-tenant-"));
  cleanUps.push(() => rm(directory, { recursive: true }));
  const path = join(directory, "socket");
  const text = JSON.stringify({
    clients: { default: { writes: { address: "127.0.0.1:1" } } },
    pools: { default: { writes: {} } },
    proxies: { default: { writes: {} } },
    servers: { default: { network: "unix", address: path } },
  });
  const global = readGlobal(text, "gatewayd.yaml", { env: {} });
  const plugins = readPlugins("", "", { env: {} });
  if (!global.ok || !plugins.ok) throw new Error(JSON.stringify([global, plugins]));
  const logger = new MemoryLogger();
  const { tenant } = new BuiltTenant({
    group: "default",
    config: {
      ...global.config,
      global: global.config.value,
      globalPath: "gatewayd.yaml",
      plugins: plugins.config.value,
      pluginsPath: undefined,
    },
    files: new GroupFiles("default", global.config.value, logger),
    budget: new ConnectionBudget(100, new DescriptorBudget(0, undefined)),
    hooks: new HookRegistry({
      schedule: () => () => {},
      onHandlerError: () => {},
      onHandlerReplaced: () => {},
    }),
    cancelKeys: new CancelKeys(),
    timers: new TimerWheel(),
    logger,
  });
  cleanUps.push(() => tenant.close());
  return { tenant, path };
}

test("everyone who waits for the last client to go is told", async () => {
  const { tenant, path } = await setUp();
  await tenant.listen();
  const client = connect(path);
  await once(client, "connect");
  await waitFor("the accept", () => tenant.clients === 1, { intervalMs: 1 });
  const waiting = [tenant.whenEmpty(), tenant.whenEmpty()];
  client.destroy();
  await Promise.all(waiting);
  await tenant.whenEmpty();
});

test("clients that come before it serves wait, and are served then", async () => {
  const { tenant, path } = await setUp();
  tenant.serveLater();
  await tenant.listen();
  const client = connect(path);
  await once(client, "connect");
  // An SSLRequest, which is answered by one byte, without any server.
  client.write(Uint8Array.of(0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f));
  const gone = connect(path);
  await waitFor("both to be accepted", () => tenant.clients === 2, { intervalMs: 1 });
  gone.destroy();
  expect(tenant.sessions()).toEqual([]);
  expect(client.readableLength).toBe(0);
  tenant.serve();
  const [answer]: unknown[] = await once(client, "data");
  expect(String(answer)).toBe("N");
  client.destroy();
  await tenant.whenEmpty();
});

test("clients that wait for it to serve are cut off when it never does", async () => {
  const { tenant, path } = await setUp();
  tenant.serveLater();
  await tenant.listen();
  const client = connect(path);
  await waitFor("the accept", () => tenant.clients === 1, { intervalMs: 1 });
  const closed = once(client, "close");
  tenant.drain();
  tenant.cut();
  await closed;
});

test("nothing is left listening when it is told to drain while it begins to listen", async () => {
  const { tenant, path } = await setUp();
  const listening = tenant.listen().catch((error: unknown) => error);
  tenant.drain();
  expect(await listening).toMatchObject({ code: "ERR_SHUTTING_DOWN" });
  expect([tenant.addresses, existsSync(path)]).toEqual([[], false]);
});
