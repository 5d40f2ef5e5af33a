/** The plugins file is changed under load: what runs goes on, what is new joins in, and no transaction fails. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { sha256Of } from "../fixtures/plugins/built-plugins.ts";
import {
  childrenOf,
  commandLine,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  startProcess,
  testNeeding,
  waitFor,
} from "../kit/index.ts";
import { reload } from "./reloading.ts";
import { connect, trail } from "./trail.ts";

const PLUGIN = join(import.meta.dir, "..", "fixtures", "plugins", "trail-plugin.ts");
const POOLED = { pool: { mode: "transaction", size: 4 }, server: { auth: { method: "trust" } } };

let postgres: PostgresServer;
let directory: string;
let checksum: string;
let script: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-reload-"));
  checksum = await sha256Of(process.execPath);
  script = join(directory, "script.sql");
  await writeFile(script, "select 1;\n");
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** The text of a plugins file with plugins that add their names to a trail. */
function pluginsFile(entries: readonly object[], keys: object = {}): string {
  const plugins = entries.map((entry) => ({
    localPath: process.execPath,
    checksum,
    onError: "terminate",
    args: [PLUGIN, "name" in entry ? entry.name : ""],
    ...entry,
  }));
  return JSON.stringify({ healthCheckPeriod: "200ms", ...keys, plugins });
}

const [A, B, C] = [{ name: "a" }, { name: "b" }, { name: "c" }] as const;

async function start(plugins: string): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, POOLED),
    plugins,
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

testNeeding("pgbench")(
  "plugins are added, moved, changed and removed, and no transaction fails",
  async () => {
    await using gatewayd = await start(pluginsFile([A]));
    const through = ["-h", gatewayd.host, "-p", String(gatewayd.port), "-U", "postgres"];
    const load = ["-n", "-M", "prepared", "-c", "4", "-T", "20", "-f", script];
    const env = { PATH: process.env["PATH"] ?? "" };
    await using bench = await startProcess(["pgbench", ...load, ...through, "postgres"], { env });
    const client = await connect(gatewayd);
    expect(await trail(client)).toBe("a");

    expect(await reload(gatewayd, { plugins: pluginsFile([B, A]) })).toBe(true);
    expect(await trail(client)).toBe("ba");
    const [a, b] = [processOf(gatewayd, "a"), processOf(gatewayd, "b")];

    expect(await reload(gatewayd, { plugins: pluginsFile([A, C, B]) })).toBe(true);
    expect(await trail(client)).toBe("acb");
    expect([processOf(gatewayd, "a"), processOf(gatewayd, "b")]).toEqual([a, b]);

    const changed = { ...A, env: ["OTHER=1"] };
    expect(await reload(gatewayd, { plugins: pluginsFile([changed, C, B]) })).toBe(true);
    expect(await trail(client)).toBe("acb");
    await waitFor("the former run to be gone", () => !runs(a));
    expect(processOf(gatewayd, "a")).not.toBe(a);
    expect(processOf(gatewayd, "b")).toBe(b);

    const off = { ...C, enabled: false };
    expect(await reload(gatewayd, { plugins: pluginsFile([changed, off]) })).toBe(true);
    expect(await trail(client)).toBe("a");
    await waitFor("the others to be gone", () => childrenOf(gatewayd.process.pid).length === 1);

    expect(await reload(gatewayd, { plugins: pluginsFile([]) })).toBe(true);
    expect(await trail(client)).toBe("");
    await waitFor("all to be gone", () => childrenOf(gatewayd.process.pid).length === 0);
    await client.end();

    const { code } = await bench.waitForExit(60_000);
    expect(bench.output(30)).toContain("number of failed transactions: 0 ");
    expect(code).toBe(0);
    expect(gatewayd.process.output(2_000)).not.toContain("A hook's handler failed");
    await gatewayd.stop();
  },
  120_000,
);

function runs(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("what can be known of a plugin is known before anything is changed", async () => {
  await using gatewayd = await start(pluginsFile([A]));
  const client = await connect(gatewayd);
  const refusals = [
    [{ ...B, localPath: join(directory, "nothing") }, /plugin b: .*nothing cannot be read/],
    [{ ...B, checksum: "0".repeat(64) }, /plugin b: .* has the SHA-256/],
    [
      { ...B, localPath: join(directory, "nothing.ts"), checksum: "" },
      /plugin b: there is no file/,
    ],
  ] as const;
  for (const [entry, reason] of refusals) {
    const since = gatewayd.process.lineCount;
    expect(await reload(gatewayd, { plugins: pluginsFile([entry, A]) })).toBe(false);
    await gatewayd.process.waitForLine(reason, { since });
    expect(await trail(client)).toBe("a");
  }
  await client.end();
  await gatewayd.stop();
}, 60_000);

test("a plugin that does not come up leaves the others as they are", async () => {
  await using gatewayd = await start(pluginsFile([A]));
  const client = await connect(gatewayd);
  const broken = { ...B, onError: "continue", args: ["-e", "process.exit(3)"] };
  expect(await reload(gatewayd, { plugins: pluginsFile([broken, A]) })).toBe(true);
  expect(await trail(client)).toBe("a");
  const guard = { ...broken, onError: "terminate" };
  expect(await reload(gatewayd, { plugins: pluginsFile([guard, A]) })).toBe(true);
  expect(await trail(client)).toBe("42000");
  expect(await reload(gatewayd, { plugins: pluginsFile([B, A]) })).toBe(true);
  expect(await trail(client)).toBe("ba");

  // One that runs goes on when its new run does not start.
  const process = processOf(gatewayd, "b");
  expect(await reload(gatewayd, { plugins: pluginsFile([guard, A]) })).toBe(true);
  expect([await trail(client), processOf(gatewayd, "b")]).toEqual(["ba", process]);
  await client.end();
  await gatewayd.stop();
}, 60_000);

test("policies and rules are other ones for the next request", async () => {
  const rule = (sqlState: string) => ({
    name: "no drops",
    condition: `query.contains("drop")`,
    terminate: { sqlState, message: "no" },
  });
  const withRules = (rules: readonly object[]) => JSON.stringify({ plugins: [], rules });
  await using gatewayd = await start(withRules([]));
  const client = new Client({ host: gatewayd.host, port: gatewayd.port, user: "postgres" });
  await client.connect();
  const drop = async (): Promise<unknown> =>
    await client.query("drop table if exists nothing").then(
      () => "done",
      (error: unknown) => (error instanceof Error && "code" in error ? error.code : error),
    );
  expect(await drop()).toBe("done");
  await reload(gatewayd, { plugins: withRules([rule("42501")]) });
  expect(await drop()).toBe("42501");
  await reload(gatewayd, { plugins: withRules([rule("0A000")]) });
  expect(await drop()).toBe("0A000");
  const bad = { ...rule("42501"), condition: "1 +" };
  expect(await reload(gatewayd, { plugins: withRules([bad]) })).toBe(false);
  expect(await drop()).toBe("0A000");
  await reload(gatewayd, { plugins: withRules([]) });
  expect(await drop()).toBe("done");
  await client.end();
  await gatewayd.stop();
}, 60_000);
