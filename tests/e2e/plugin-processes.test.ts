import { beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Call, CAPTURED_CONFIG, capturedCalls, masked } from "../fixtures/captured-calls.ts";
import {
  type BuiltPlugin,
  goRecorder,
  PYTHON_ENVIRONMENT,
  pythonRecorder,
  sha256Of,
  testGo,
  testPython,
} from "../fixtures/plugins/built-plugins.ts";
import { servedPlugin } from "../fixtures/plugins/served-plugin.ts";
import {
  childrenOf,
  freePort,
  type GatewaydProcess,
  type MaybeTest,
  oneBlockConfig,
  type PostgresServer,
  psql,
  startGatewayd,
  startPostgres,
  testNeeding,
  waitFor,
} from "../kit/index.ts";

const TYPESCRIPT = join(import.meta.dir, "..", "fixtures", "plugins", "typescript", "recorder.ts");

/** What psql has to make something of, and a plugin in a language. */
const withPsql = (testLanguage: MaybeTest): MaybeTest =>
  Bun.which("psql") === null ? testNeeding("psql") : testLanguage;

/** The recorder of each kind of plugin, as an entry of the plugins file. */
interface Kind {
  readonly test: MaybeTest;
  readonly isProcess: boolean;
  /** Before any test. */
  readonly build: () => Promise<BuiltPlugin | undefined>;
  /** @param record file that gets a line for each call */
  readonly entry: (built: BuiltPlugin | undefined, record: string | undefined) => object;
}

const recordEnv = (record: string | undefined): readonly string[] =>
  record === undefined ? [] : [`RECORD=${record}`];

/** A module runs inside the gateway: there is nothing to build. */
const moduleKind = (isolation: "inline" | "worker"): Kind => ({
  test: testNeeding("psql"),
  isProcess: false,
  build: async () => undefined,
  entry: (_, record) => ({
    name: "recorder-ts",
    localPath: TYPESCRIPT,
    isolation,
    config: record === undefined ? {} : { record },
  }),
});

const KINDS = {
  "Go process": {
    test: withPsql(testGo),
    isProcess: true,
    build: goRecorder,
    entry: (plugin, record) => ({ ...plugin, name: "recorder", env: recordEnv(record) }),
  },
  "Python process": {
    test: withPsql(testPython),
    isProcess: true,
    build: pythonRecorder,
    entry: (plugin, record) => ({
      ...plugin,
      name: "recorder-py",
      env: [PYTHON_ENVIRONMENT, ...recordEnv(record)],
    }),
  },
  "TypeScript process": {
    test: testNeeding("psql"),
    isProcess: true,
    build: () => servedPlugin(TYPESCRIPT),
    entry: (plugin, record) => ({
      ...plugin,
      name: "recorder-ts",
      env: [`PLUGIN_SETTINGS=${JSON.stringify(record === undefined ? {} : { record })}`],
    }),
  },
  "TypeScript module": moduleKind("inline"),
  "TypeScript worker": moduleKind("worker"),
} as const satisfies Record<string, Kind>;

const built = new Map<string, BuiltPlugin>();

beforeAll(async () => {
  for (const [name, { build }] of Object.entries(KINDS)) {
    const plugin = await build();
    if (plugin !== undefined) built.set(name, plugin);
  }
}, 600_000);

/** Text of gatewayd_plugins.yaml with one plugin. */
function pluginsFile(
  kind: keyof typeof KINDS,
  { record, ...keys }: { readonly record?: string; readonly [key: string]: unknown } = {},
  global: Readonly<Record<string, unknown>> = {},
): string {
  const entry = KINDS[kind].entry(built.get(kind), record);
  return JSON.stringify({ ...global, plugins: [{ ...entry, ...keys }] });
}

async function query(gateway: GatewaydProcess, sql: string) {
  const { host, port } = gateway;
  return await psql(sql, { host, port });
}

/** What the captured client did: a login, two queries, the end. */
async function converse(port: number, postgres: PostgresServer): Promise<void> {
  const result = await psql("", {
    host: "127.0.0.1",
    port,
    args: ["-c", "select 1 as a", "-c", "select $$x$$::text, 2"],
    env: { PGSSLMODE: "prefer", PGPASSWORD: postgres.password, PGDATABASE: "bench" },
  });
  expect(result).toMatchObject({ code: 0, stdout: "1\nx|2\n" });
}

async function callsIn(path: string): Promise<readonly Call[]> {
  const text = await readFile(path, "utf8");
  // The plugin may be writing the last one.
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Call => JSON.parse(line));
}

/**
 * Masked payloads under the name of their hook. Only each hook's own order counts: what the gateway does not wait for
 * (OnOpened, what was sent) is under way together with the next call, and a plugin has several threads.
 */
function byHook(calls: readonly Call[]): Readonly<Record<string, readonly unknown[]>> {
  const payloads: Record<string, unknown[]> = {};
  for (const { rpc, json } of calls) (payloads[rpc] ??= []).push(masked(json));
  return payloads;
}

for (const kind of Object.keys(KINDS) as (keyof typeof KINDS)[]) {
  const { test, isProcess } = KINDS[kind];

  test(`a ${kind} is called as by the original, on every hook`, async () => {
    const directory = await mkdtemp(join(tmpdir(), "gatewayd-record-"));
    const record = join(directory, "calls.jsonl");
    await using postgres = await startPostgres({ auth: "scram-sha-256" });
    await postgres.query("create database bench");
    // At the captured level the log does not say where the gateway listens.
    const port = await freePort();
    const config = (await readFile(CAPTURED_CONFIG, "utf8"))
      .replace("localhost:5432", `localhost:${postgres.port}`)
      .replace("127.0.0.1:15432", `127.0.0.1:${port}`);
    await using gateway = await startGatewayd({
      config,
      plugins: pluginsFile(kind, { record }),
      listeners: 0,
    });
    const hasSeen = async (hook: string): Promise<boolean> =>
      existsSync(record) && (await callsIn(record)).some(({ rpc }) => rpc === hook);
    await waitFor("the gateway to listen", () => hasSeen("OnTick"));
    await converse(port, postgres);
    await waitFor("the end of the connection", () => hasSeen("OnClosed"));
    await gateway.stop();

    const isCompared = ({ rpc }: Call): boolean => rpc !== "OnTick" && rpc !== "GetPluginConfig";
    const seen = await callsIn(record);
    const captured = await capturedCalls();
    expect(byHook(seen.filter(isCompared))).toEqual(byHook(captured.filter(isCompared)));
    expect(byHook(seen)["OnTick"]?.[0]).toEqual(byHook(captured)["OnTick"]?.[0]);
    expect(Object.keys(byHook(seen)).filter((hook) => hook !== "GetPluginConfig")).toHaveLength(21);
    await rm(directory, { recursive: true });
  });

  test(`what a ${kind} makes of a request goes to the server`, async () => {
    await using postgres = await startPostgres();
    await using gateway = await startGatewayd({
      config: oneBlockConfig(postgres.address),
      plugins: pluginsFile(kind),
    });
    const result = await query(gateway, "select 'before' /*do:rewrite*/");
    expect(result).toMatchObject({ code: 0, stdout: "behind\n" });
    expect(await query(gateway, "select 'before'")).toMatchObject({ stdout: "before\n" });
    await gateway.stop();
  });

  if (!isProcess) continue;

  test(`a ${kind} ends with the gateway, even if that is killed`, async () => {
    await using postgres = await startPostgres();
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      await using gateway = await startGatewayd({
        config: oneBlockConfig(postgres.address),
        plugins: pluginsFile(kind),
      });
      await query(gateway, "select 1");
      const children = childrenOf(gateway.process.pid);
      expect(children.length).toBeGreaterThan(0);
      gateway.process.kill(signal);
      await gateway.process.waitForExit(10_000);
      await waitFor("the plugin to be gone", () => !children.some(isRunning));
    }
  });
}

KINDS["Go process"].test(
  "a plugin that crashes costs no client its connection, and comes back",
  async () => {
    await using postgres = await startPostgres();
    await using gateway = await startGatewayd({
      config: oneBlockConfig(postgres.address, { level: "debug" }),
      plugins: pluginsFile("Go process", { env: ["HOOKS=16"] }, { healthCheckPeriod: "200ms" }),
    });
    expect(await query(gateway, "select 1 /*do:crash*/; select 2")).toMatchObject({
      code: 0,
      stdout: "1\n2\n",
    });
    await waitFor("the plugin to be back", async () => {
      const { stdout } = await query(gateway, "select 'before' /*do:rewrite*/");
      return stdout === "behind\n";
    });
    await gateway.stop();
  },
);

KINDS["Go process"].test(
  "a plugin sees and changes the traffic of connections that are shared",
  async () => {
    await using postgres = await startPostgres();
    await using gateway = await startGatewayd({
      config: oneBlockConfig(postgres.address, {
        pool: { mode: "transaction" },
        server: { auth: { method: "trust" } },
      }),
      plugins: pluginsFile("Go process"),
    });
    const result = await query(gateway, "begin; select 'before' /*do:rewrite*/; commit");
    expect(result).toMatchObject({ code: 0, stdout: "behind\n" });
    await gateway.stop();
  },
);

KINDS["Go process"].test("what a plugin logs is in the log of the gateway", async () => {
  await using postgres = await startPostgres();
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address, { level: "debug" }),
    plugins: pluginsFile("Go process", { env: ["HOOKS=16"] }),
  });
  await query(gateway, "select 1 /*do:log*/");
  const line = Bun.stripANSI(await gateway.process.waitForLine("asked to log"));
  expect(line).toContain("WRN");
  expect(line).toContain("plugin=recorder");
  expect(line).toContain("number=7");
  await gateway.process.waitForLine("a line without JSON");
  await gateway.stop();
});

test("a plugin that writes odd lines ends by itself, and not with the gateway", async () => {
  const directory = await mkdtemp(join(tmpdir(), "gatewayd-odd-"));
  const localPath = join(directory, "plugin.sh");
  const lines = [
    '{"@level":"constructor","@message":"an odd level"}',
    '{"@level":{"toString":1},"@message":{"toString":1}}',
    "the last line",
  ];
  const commands = lines.map((line) => `echo '${line}' >&2`);
  await writeFile(localPath, ["#!/bin/sh", ...commands, "exit 7", ""].join("\n"));
  await chmod(localPath, 0o755);
  const plugin = { name: "odd", localPath, checksum: await sha256Of(localPath) };
  await using postgres = await startPostgres();
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address, { level: "debug" }),
    plugins: JSON.stringify({ plugins: [plugin] }),
  });
  await gateway.process.waitForLine("an odd level");
  await gateway.process.waitForLine("the last line");
  await gateway.process.waitForLine("ERR_PLUGIN_EXITED");
  await gateway.stop();
  await rm(directory, { recursive: true });
});

KINDS["Go process"].test(
  "a plugin of another checksum is not started, and traffic goes on",
  async () => {
    await using postgres = await startPostgres();
    await using gateway = await startGatewayd({
      config: oneBlockConfig(postgres.address),
      plugins: pluginsFile("Go process", { checksum: "0".repeat(64) }),
    });
    await gateway.process.waitForLine("ERR_PLUGIN_CHECKSUM");
    expect(childrenOf(gateway.process.pid)).toEqual([]);
    expect(await query(gateway, "select 1")).toMatchObject({ stdout: "1\n" });
    await gateway.stop();
  },
);

KINDS["Python process"].test("a Python plugin can end a request", async () => {
  await using postgres = await startPostgres();
  await using gateway = await startGatewayd({
    config: oneBlockConfig(postgres.address),
    plugins: pluginsFile("Python process"),
  });
  const result = await query(gateway, "select 1 /*do:terminate*/");
  expect(result).toMatchObject({ code: 3, stdout: "" });
  expect(result.stderr).toContain("42000");
  await gateway.stop();
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
