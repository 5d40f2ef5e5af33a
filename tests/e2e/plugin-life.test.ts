import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sha256Of } from "../fixtures/plugins/built-plugins.ts";
import {
  childrenOf,
  commandLine,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { connect, seenUntil, trail } from "./trail.ts";

const PLUGIN = join(import.meta.dir, "..", "fixtures", "plugins", "trail-plugin.ts");

let postgres: PostgresServer;
let directory: string;
let checksum: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-life-"));
  checksum = await sha256Of(process.execPath);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

interface TrailEntry {
  readonly name: string;
  readonly requires?: string;
  readonly onError?: "continue" | "terminate";
  readonly entry?: object;
}

/** A gateway with plugins that add their names to a trail. */
async function start(entries: readonly TrailEntry[], keys: object = {}): Promise<GatewaydProcess> {
  const plugins = entries.map(({ name, requires, onError = "continue", entry }) => ({
    name,
    localPath: process.execPath,
    args: [PLUGIN, name, ...(requires === undefined ? [] : [requires])],
    checksum,
    timeout: "1s",
    onError,
    ...entry,
  }));
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, { pool: { size: 2 } }),
    plugins: JSON.stringify({ healthCheckPeriod: "200ms", ...keys, plugins }),
    env: { PATH: process.env["PATH"] ?? "", HOME: directory },
  });
}

/** The process of a plugin; undefined while there is none. */
function processOf(gatewayd: GatewaydProcess, name: string): number | undefined {
  return childrenOf(gatewayd.process.pid).find((pid) => {
    const words = commandLine(pid);
    return words.includes(PLUGIN) && words.includes(name);
  });
}

test.each([
  ["continue", "ac"],
  ["terminate", "42000"],
] as const)(
  "a plugin that is killed comes back in its place, and with onError %s the queries meanwhile get %s",
  async (onError, meanwhile) => {
    await using gatewayd = await start([{ name: "a" }, { name: "b", onError }, { name: "c" }]);
    const client = await connect(gatewayd);
    expect(await trail(client)).toBe("abc");
    const killed = processOf(gatewayd, "b");
    if (killed === undefined) throw new Error("there is no process of b");
    process.kill(killed, "SIGKILL");
    await gatewayd.process.waitForLine(/Plugin is lost.* name=b/);
    expect(await trail(client)).toBe(meanwhile);
    expect([...(await seenUntil(client, "abc"))].filter((other) => other !== meanwhile)).toEqual(
      [],
    );
    expect(processOf(gatewayd, "b")).not.toBe(killed);
    await client.end();
    await gatewayd.stop();
  },
);

test("a plugin that hangs is noticed, killed and started again, and holds up no other", async () => {
  await using gatewayd = await start([{ name: "a" }, { name: "b", onError: "terminate" }]);
  const [victim, client] = [await connect(gatewayd), await connect(gatewayd)];
  const hung = processOf(gatewayd, "b");
  const refused = victim.query("select 'hang b'").catch((error: unknown) => error);
  await gatewayd.process.waitForLine(/Plugin is lost.*a ping took longer than 1000 ms/);
  expect(await refused).toMatchObject({ code: "42000" });
  await seenUntil(client, "ab");
  await waitFor("the hung process to be gone", () => childrenOf(gatewayd.process.pid), {
    until: (children) => !children.includes(hung ?? 0),
  });
  expect(processOf(gatewayd, "b")).toBeDefined();
  await Promise.all([victim.end(), client.end()]);
  await gatewayd.stop();
});

test("a plugin that ends by itself again and again is given longer and longer pauses", async () => {
  await using gatewayd = await start([{ name: "a" }]);
  const client = await connect(gatewayd);
  for (const delay of ["250ms", "500ms", "1000ms"]) {
    await client.query("select 'exit a'");
    await gatewayd.process.waitForLine(new RegExp(`going to be started again.* delay=${delay}`));
    await seenUntil(client, "a");
  }
  await client.end();
  await gatewayd.stop();
});

test("without reloadOnCrash a plugin that is lost stays away", async () => {
  await using gatewayd = await start([{ name: "a" }, { name: "b" }], { reloadOnCrash: false });
  const client = await connect(gatewayd);
  await client.query("select 'exit b'");
  await gatewayd.process.waitForLine(/Plugin is lost.* name=b/);
  expect(await trail(client)).toBe("a");
  expect(gatewayd.process.output()).not.toContain("going to be started again");
  await client.end();
  await gatewayd.stop();
});

test("a plugin that lacks another is not called, and one that comes later in the list will do", async () => {
  await using gatewayd = await start([
    { name: "lonely", requires: "nobody" },
    { name: "early", requires: "late" },
    { name: "late" },
  ]);
  const client = await connect(gatewayd);
  expect(await trail(client)).toBe("earlylate");
  expect(gatewayd.process.output()).toMatch(
    /ERR Plugin is not registered .*name=lonely reason="?it requires nobody \^1\.0: no such plugin is running/,
  );
  expect(processOf(gatewayd, "lonely")).toBeUndefined();
  await client.end();
  await gatewayd.stop();
});

test("nothing gets by a plugin with onError terminate that cannot start", async () => {
  await using gatewayd = await start([
    { name: "a", onError: "terminate", entry: { checksum: "0".repeat(64) } },
  ]);
  expect(await connect(gatewayd).catch((error: unknown) => error)).toMatchObject({
    code: "42000",
  });
  expect(gatewayd.process.output()).toMatch(/ERR Failed to start plugin .*name=a/);
  await gatewayd.stop();
});

test("the process of a plugin ends with the gateway", async () => {
  await using gatewayd = await start([{ name: "a" }]);
  const own = processOf(gatewayd, "a");
  if (own === undefined) throw new Error("there is no process of a");
  await gatewayd.stop();
  expect(() => process.kill(own, 0)).toThrow("ESRCH");
});
