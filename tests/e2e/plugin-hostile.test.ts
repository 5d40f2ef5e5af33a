/** Plugin processes that do what they should not, with the executable as it is shipped: nothing of it may hurt clients. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { goRecorder, sha256Of, testGo } from "../fixtures/plugins/built-plugins.ts";
import {
  childrenOf,
  expectSameDescriptors,
  type GatewaydProcess,
  oneBlockConfig,
  openDescriptors,
  openDescriptorsAtRest,
  type PostgresServer,
  residentMiB,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { adminConfig, doorsOf } from "./admin-doors.ts";
import { openSession, query } from "./rules/rule-session.ts";
import { connect, seenUntil, trail } from "./trail.ts";

const FIXTURES = join(import.meta.dir, "..", "fixtures", "plugins");
const FAKE = join(FIXTURES, "fake-plugin.ts");
const TRAIL = join(FIXTURES, "trail-plugin.ts");

let postgres: PostgresServer;
let directory: string;
let bunChecksum: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-hostile-"));
  bunChecksum = await sha256Of(process.execPath);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function start(
  plugins: readonly object[],
  keys: object = {},
  level = "debug",
): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, { level, pool: { size: 4 } }),
    plugins: JSON.stringify({ healthCheckPeriod: "200ms", ...keys, plugins }),
    env: { PATH: process.env["PATH"] ?? "", HOME: directory },
    deadlineMs: 60_000,
  });
}

/** A program in the language of the shell, as an entry of the plugins file. */
async function shellPlugin(name: string, text: string): Promise<object> {
  const localPath = join(directory, `${name.replaceAll(" ", "-")}.sh`);
  await writeFile(localPath, `#!/bin/sh\n${text}\n`);
  await chmod(localPath, 0o755);
  return { name, localPath, checksum: await sha256Of(localPath) };
}

/** A program in TypeScript that runs with Bun. */
const bunPlugin = (name: string, program: string, ...args: readonly string[]): object => ({
  name,
  localPath: process.execPath,
  args: [program, ...args],
  checksum: bunChecksum,
});

const garbage: Readonly<Record<string, string>> = {
  ERR_PLUGIN_HANDSHAKE: "hello world",
  ERR_PLUGIN_CORE_PROTOCOL: "2|1|unix|/tmp/x|grpc|",
  ERR_PLUGIN_APP_PROTOCOL: "1|0|unix|/tmp/x|grpc|",
  ERR_PLUGIN_RPC_PROTOCOL: "1|1|unix|/tmp/x|netrpc|",
  ERR_PLUGIN_ADDRESS: "1|1|tcp|127.0.0.1|grpc|",
  ERR_PLUGIN_CERTIFICATE: `1|1|unix|/tmp/x|grpc|${"A".repeat(80)}`,
};

const faults: Readonly<Record<string, string>> = {
  nobody: "ERR_PLUGIN_CONNECT",
  gone: "ERR_PLUGIN_EXITED",
  "wrong certificate": "ERR_PLUGIN_TLS",
  distrust: "ERR_PLUGIN_TLS",
  "no http2": "ERR_PLUGIN_TLS",
  nameless: "ERR_PLUGIN_DESCRIPTION",
  unhealthy: "ERR_PLUGIN_UNHEALTHY",
};

describe("plugins that are none", () => {
  test("are said to be that, each with its reason, and leave nothing; those beside them serve", async () => {
    const expected = new Map<string, string>([
      ...Object.keys(garbage).map((code) => [`says ${code}`, code] as const),
      ...Object.entries(faults),
      ["another checksum", "ERR_PLUGIN_CHECKSUM"],
      ["no file", "ERR_PLUGIN_EXEC"],
      ["wrong cookie", "ERR_PLUGIN_EXITED"],
      ["silent", "ERR_PLUGIN_TIMEOUT"],
    ]);
    const plugins = [
      ...(await Promise.all(
        Object.entries(garbage).map(([code, line]) =>
          shellPlugin(`says ${code}`, `echo '${line}'; exec sleep 60`),
        ),
      )),
      ...Object.keys(faults).map((fault) => bunPlugin(fault, FAKE, fault)),
      { ...bunPlugin("another checksum", FAKE), checksum: "0".repeat(64) },
      { ...bunPlugin("no file", FAKE), localPath: join(directory, "nowhere") },
      // What go-plugin's plugins do about it.
      await shellPlugin(
        "wrong cookie",
        'test "$GATEWAYD_PLUGIN" = "another" || { echo "This binary is a plugin" >&2; exit 1; }',
      ),
      await shellPlugin("silent", "exec sleep 60"),
      bunPlugin("good", TRAIL, "good"),
    ];
    await using gateway = await start(plugins, { reloadOnCrash: false, startTimeout: "4s" });
    const output = Bun.stripANSI(gateway.process.output());
    const failures = [
      ...output.matchAll(/ERR Failed to start plugin .*code=(\w+).* name="?([^"\n]+?)"? reason/g),
    ];
    expect(Object.fromEntries(failures.map(([, code, name]) => [name, code]))).toEqual(
      Object.fromEntries(expected),
    );
    const client = await connect(gateway);
    expect(await trail(client)).toBe("good");
    expect(childrenOf(gateway.process.pid)).toHaveLength(1);
    await client.end();
    await gateway.stop();
  });
});

test("a plugin that is slow holds up the query that asks it, as long as it may, and no other", async () => {
  await using gateway = await start([
    { ...bunPlugin("slow", TRAIL, "slow"), timeout: "1s" },
    bunPlugin("quick", TRAIL, "quick"),
  ]);
  const [victim, other] = [await connect(gateway), await connect(gateway)];
  const before = performance.now();
  const slow = victim.query("select 'wait slow 60000', 'trail:' as seen");
  expect(await trail(other)).toBe("slowquick");
  expect(performance.now() - before).toBeLessThan(1000);
  // It goes on without the one that did not answer.
  expect((await slow).rows[0]).toMatchObject({ seen: "trail:quick" });
  expect(performance.now() - before).toBeGreaterThanOrEqual(1000);
  await gateway.process.waitForLine("ERR_HOOK_TIMEOUT");
  expect(await trail(victim)).toBe("slowquick");
  await Promise.all([victim.end(), other.end()]);
  await gateway.stop();
});

describe.each(["passthrough", "transaction"])("in mode %s", (mode) => {
  testGo("a plugin need not go on with a request whose client has gone", async () => {
    const plugin = { ...(await goRecorder()), name: "recorder", env: ["HOOKS=16"] };
    await using gateway = await startGatewayd({
      config: oneBlockConfig(postgres.address, {
        pool: { mode },
        server: mode === "passthrough" ? {} : { auth: { method: "trust" } },
      }),
      plugins: JSON.stringify({ plugins: [{ ...plugin, onError: "terminate" }] }),
      deadlineMs: 60_000,
    });
    const session = await openSession(gateway);
    session.send(query("/*do:slow 60000*/ select 1"));
    await session[Symbol.asyncDispose]();
    await gateway.process.waitForLine("nobody waits any more");
    await using other = await openSession(gateway);
    expect(await other.value("select 'goes on'")).toBe("goes on");
    expect(Bun.stripANSI(gateway.process.output())).not.toContain(" ERR ");
    await gateway.stop();
  });
});

testGo("a line of 100 MB in a plugin's log is one record, and takes no memory", async () => {
  const recorder = await goRecorder();
  await using gateway = await start([{ ...recorder, name: "recorder", env: ["HOOKS=16"] }]);
  const client = await connect(gateway);
  await client.query("select 1");
  const before = residentMiB(gateway.process.pid);
  expect((await client.query("select 1 as x /*do:flood 100000000*/")).rows).toEqual([{ x: 1 }]);
  await gateway.process.waitForLine(/cutFromBytes=100000000/);
  expect(residentMiB(gateway.process.pid) - before).toBeLessThan(100);
  expect((await client.query("select 2 as x")).rows).toEqual([{ x: 2 }]);
  await client.end();
  await gateway.stop();
});

testGo("a hundred restarts leave no process, no socket and no descriptor behind", async () => {
  const sockets = join(directory, "sockets");
  await mkdir(sockets);
  const recorder = await goRecorder();
  // Many plugins a few times: the pauses of each are doubled from restart to restart.
  const count = 25;
  const rounds = 4;
  const plugins = Array.from({ length: count }, (_, index) => ({
    ...recorder,
    name: `recorder-${index}`,
    env: ["HOOKS=16", `NAME=recorder-${index}`, `TMPDIR=${sockets}`],
  }));
  await using gateway = await start(plugins, {}, "info");
  const { pid } = gateway.process;
  const client = await connect(gateway);
  const ready = (): number => gateway.process.output().split("Plugin is ready").length - 1;
  const leftovers = async () => ({
    children: childrenOf(pid).length,
    sockets: (await readdir(sockets)).length,
  });
  await waitFor("all plugins to be ready", () => ready() === count);
  await client.query("select 1");
  expect(await leftovers()).toEqual({ children: count, sockets: count });
  const before = openDescriptors(pid);
  for (let round = 1; round <= rounds; round += 1) {
    for (const child of childrenOf(pid)) process.kill(child, "SIGKILL");
    await waitFor(`round ${round} of the restarts`, () => ready() === count * (round + 1), {
      deadlineMs: 60_000,
    });
  }
  expect((await client.query("select 2 as x")).rows).toEqual([{ x: 2 }]);
  expect(await leftovers()).toEqual({ children: count, sockets: count });
  await expectSameDescriptors(pid, before);
  await client.end();
  await gateway.stop();
  expect(await readdir(sockets)).toEqual([]);
});

testGo(
  "a plugin reloaded a hundred times amid traffic fails no query, and leaves nothing",
  async () => {
    const sockets = join(directory, "reloads");
    await mkdir(sockets);
    const recorder = await goRecorder();
    const plugin = { ...recorder, name: "recorder", env: ["HOOKS=16", `TMPDIR=${sockets}`] };
    await using gateway = await startGatewayd({
      config: adminConfig(postgres.address),
      plugins: JSON.stringify({ plugins: [{ ...plugin, onError: "terminate" }] }),
    });
    const { pid } = gateway.process;
    const { rest: address } = doorsOf(gateway);
    const reload = async (): Promise<number> => {
      const url = `http://${address}/api/v1/plugins/recorder/reload`;
      // Of a connection that is kept nobody knows when it is closed.
      const answer = await fetch(url, { method: "POST", keepalive: false });
      await answer.text();
      return answer.status;
    };
    const client = await connect(gateway);
    const query = async () => (await client.query("select 'before' as x /*do:rewrite*/")).rows[0].x;
    expect([await query(), await reload()]).toEqual(["behind", 200]);
    const leftovers = async () => ({
      children: childrenOf(pid).length,
      sockets: (await readdir(sockets)).length,
    });
    const isAlone = { until: (left: object) => Bun.deepEquals(left, { children: 1, sockets: 1 }) };
    await waitFor("the first run to be gone", leftovers, isAlone);
    const before = await openDescriptorsAtRest(pid);
    const [first] = childrenOf(pid);
    for (let round = 0; round < 100; round += 1) {
      const [status, ...answers] = await Promise.all([reload(), query(), query()]);
      expect([status, ...answers]).toEqual([200, "behind", "behind"]);
    }
    await waitFor("all other runs to be gone", leftovers, isAlone);
    expect(childrenOf(pid)).not.toEqual([first]);
    await expectSameDescriptors(pid, before);
    expect(await query()).toBe("behind");
    await client.end();
    await gateway.stop();
  },
);

test("a plugin that ends amid a call costs its client nothing but that", async () => {
  await using gateway = await start([bunPlugin("a", TRAIL, "a"), bunPlugin("b", TRAIL, "b")]);
  const client = await connect(gateway);
  expect((await client.query("select 'exit b', 'trail:' as seen")).rows[0]).toMatchObject({
    seen: "trail:a",
  });
  await seenUntil(client, "ab");
  await client.end();
  await gateway.stop();
});
