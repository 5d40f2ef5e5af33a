/** What plugins make of the configuration, with the executable as it is shipped. */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { goRecorder, testGo } from "../fixtures/plugins/built-plugins.ts";
import {
  GATEWAYD_BINARY,
  oneBlockConfig,
  type PostgresServer,
  runToEnd,
  startGatewayd,
  startPostgres,
  testWhere,
} from "../kit/index.ts";

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  await goRecorder();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-plugin-config-"));
}, 300_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** A plugin that changes the configuration as its settings say, and moves the listener to another address. */
const TUNER = `
  import { definePlugin } from "gatewayd/sdk";
  export default definePlugin({
    name: "recorder",
    version: "1.0.0",
    setup: ({ config }) => ({
      onConfigLoaded(event) {
        event.rewrite(config["changes"] ?? {});
      },
      onRun(event) {
        if (typeof config["address"] === "string") event.rewrite({ address: config["address"] });
      },
    }),
  });`;

/** What a plugin is to do at the start. */
interface Wishes {
  readonly changes: Readonly<Record<string, unknown>>;
  readonly address?: string;
}

/** The text of a plugins file with a plugin of a kind. */
async function pluginsFile(kind: "inline" | "worker" | "Go", wishes: Wishes): Promise<string> {
  if (kind === "Go") {
    const env = [`CONFIG_CHANGES=${JSON.stringify(wishes.changes)}`, "HOOKS=1,8"];
    if (wishes.address !== undefined) env.push(`RUN_ADDRESS=${wishes.address}`);
    return JSON.stringify({ plugins: [{ name: "recorder", ...(await goRecorder()), env }] });
  }
  const localPath = join(directory, "tuner.ts");
  await writeFile(localPath, TUNER);
  const entry = { name: "recorder", localPath, isolation: kind, config: wishes };
  return JSON.stringify({ plugins: [entry] });
}

describe.each([
  ["inline", testWhere(true, "")],
  ["worker", testWhere(true, "")],
  ["Go", testGo],
] as const)("a plugin that runs as %s", (kind, testKind) => {
  testKind("changes the configuration, for loggers too, and moves the listener", async () => {
    const changes = {
      "pools.default.writes.size": 3,
      loggers: { default: { level: "trace" } },
    };
    await using gateway = await startGatewayd({
      config: oneBlockConfig(postgres.address, { server: { address: "203.0.113.1:1" } }),
      plugins: await pluginsFile(kind, { changes, address: "127.0.0.1:0" }),
    });
    expect(gateway.host).toBe("127.0.0.1");
    const { user, password, database } = postgres;
    const client = new Client({
      host: gateway.host,
      port: gateway.port,
      user,
      password,
      database,
    });
    await client.connect();
    expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
    await client.end();
    const line = await gateway.process.waitForLine("There are clients available in the pool");
    expect(line).toContain("count=3");
    await gateway.process.waitForLine("Hook is run");
    await gateway.stop();
  });

  testKind("is named beside its values by config show, when that may start it", async () => {
    const changes = {
      "pools.default.writes.size": 3,
      servers: { default: { enableTicker: true } },
    };
    const [config, plugins] = [join(directory, "shown.yaml"), join(directory, "plugins.yaml")];
    await writeFile(config, oneBlockConfig(postgres.address));
    await writeFile(plugins, await pluginsFile(kind, { changes }));
    const show = async (...flags: readonly string[]) =>
      await runToEnd([GATEWAYD_BINARY, "config", "show", "-c", config, "-p", plugins, ...flags], {
        cwd: "/",
        env: {},
      });
    const plain = await show();
    expect(plain.stdout).toContain("size: 4 # ");
    expect(plain.stdout).not.toContain("plugin recorder");
    const shown = await show("--with-plugins");
    expect([shown.code, shown.stderr]).toEqual([0, ""]);
    expect(shown.stdout).toContain("size: 3 # plugin recorder");
    expect(shown.stdout).toContain("enableTicker: true # plugin recorder");
  });

  testKind("that makes the configuration invalid ends the start with exit code 6", async () => {
    const changes = { "pools.default.writes.sise": 3 };
    const [config, plugins] = [join(directory, "invalid.yaml"), join(directory, "invalid-p.yaml")];
    await writeFile(config, oneBlockConfig(postgres.address));
    await writeFile(plugins, await pluginsFile(kind, { changes }));
    const told = 'plugin recorder: pools.default.writes.sise: unknown key, did you mean "size"?';
    for (const command of [["run"], ["config", "show", "--with-plugins"]]) {
      const ended = await runToEnd(
        [GATEWAYD_BINARY, ...command, "--config", config, "--plugin-config", plugins],
        { cwd: "/", env: {} },
      );
      expect(ended.code).toBe(6);
      expect(ended.stderr).toContain(told);
    }
  });

  testKind("changes a configuration that comes by a pipe", async () => {
    const changes = { "pools.default.writes.size": 3 };
    const [config, plugins] = [join(directory, "piped.yaml"), join(directory, "piped-p.yaml")];
    await writeFile(config, oneBlockConfig(postgres.address, { server: { maxConnections: 77 } }));
    await writeFile(plugins, await pluginsFile(kind, { changes }));
    const show = '"$0" config show --with-plugins --config <(cat "$1") --plugin-config <(cat "$2")';
    const shown = await runToEnd(["bash", "-c", show, GATEWAYD_BINARY, config, plugins], {
      cwd: "/",
      env: { PATH: process.env["PATH"] ?? "" },
    });
    expect([shown.code, shown.stderr]).toEqual([0, ""]);
    expect(shown.stdout).toContain("size: 3 # plugin recorder");
    expect(shown.stdout).toContain("maxConnections: 77 # /dev/fd/");
    expect(shown.stdout).toContain(`address: ${postgres.address} # /dev/fd/`);
  });
});
