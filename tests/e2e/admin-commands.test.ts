/** The commands that ask a gateway that runs, as typed. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import {
  type GatewaydProcess,
  connectWire,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { adminConfig, freeAddress, OPEN_POOL, typed, withToken } from "./admin-doors.ts";

const PLUGIN = `import { definePlugin } from "gatewayd/sdk";
export default definePlugin({ name: "quiet", version: "1.2.3", setup: () => ({}) });
`;
const TOKEN = "f00f";

let postgres: PostgresServer;
let gatewayd: GatewaydProcess;
let plugin: string;

beforeAll(async () => {
  postgres = await startPostgres();
  const pool = { ...OPEN_POOL.pool, size: 3 };
  const auth = { tokens: [withToken(TOKEN, "me", "admin")] };
  const api = { httpAddress: await freeAddress(), auth };
  plugin = join(import.meta.dir, `.quiet-${process.pid}.ts`);
  await Bun.write(plugin, PLUGIN);
  gatewayd = await startGatewayd({
    config: adminConfig(postgres.address, { ...OPEN_POOL, pool, api }),
    plugins: JSON.stringify({ plugins: [{ name: "quiet", localPath: plugin, enabled: true }] }),
    args: ["--dev"],
  });
}, 60_000);

afterAll(async () => {
  await gatewayd.stop();
  await gatewayd[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
  await Bun.file(plugin).delete();
});

function type(words: string, token: string = TOKEN) {
  return typed(gatewayd, words, { env: token === "" ? {} : { GATEWAYD_TOKEN: token } });
}

describe("in the directory of the configuration", () => {
  test("status, pools and health tell how the gateway is", async () => {
    const status = await type("status");
    expect(status).toMatchObject({ code: 0, stderr: "" });
    expect(status.stdout).toContain(`serving, pid ${gatewayd.process.pid}, up `);
    expect(status.stdout).toContain(`default: 0 clients at ${gatewayd.addresses[0]}`);
    const pools = await type("pools");
    expect(pools.stdout.split("\n")[0]).toMatch(/^GROUP +BLOCK +MODE +SERVER +SIZE +AVAILABLE/);
    expect(pools.stdout).toMatch(/default +writes +transaction +\S+ +3 +0/);
    expect(JSON.parse((await type("pools --json")).stdout)).toMatchObject({
      pools: [{ group: "default", block: "writes", size: 3 }],
    });
    expect((await type("pools --group none")).stderr).toContain('there is no group "none"');
    expect(await type("health")).toMatchObject({ code: 0, stdout: "SERVING\n" });
  });

  test("set-level changes the log", async () => {
    expect(await type("set-level debug")).toMatchObject({ code: 0 });
    await gatewayd.process.waitForLine('does="set the log level"');
    const refused = await type("set-level loud");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('Error: level: "loud" is none of trace, debug');
    expect((await type("set-level info --group nobody")).stderr).toContain('no logger "nobody"');
  });

  test("plugins are listed with their state, ended, and started again", async () => {
    const list = async (): Promise<string> => (await type("plugin list")).stderr;
    expect(await list()).toContain("  State: running\n");
    expect((await type("plugin disable quiet")).stdout).toBe("quiet 1.2.3 is disabled\n");
    expect(await list()).toContain("  State: disabled\n");
    expect((await type("plugin enable quiet")).stdout).toBe("quiet 1.2.3 is running\n");
    expect((await type("plugin reload quiet")).stdout).toBe("quiet 1.2.3 is running\n");
    expect(await type("plugin reload loud")).toMatchObject({
      code: 1,
      stderr: 'Error: no plugin is named "loud"\n',
    });
    expect((await type("plugin reload")).stderr).toContain("expects the name of a plugin");
  });

  test("sessions are listed with what they are at, cancelled and ended", async () => {
    await using client = await connectWire(gatewayd);
    await client.login({ user: "postgres", database: "postgres", application_name: "shop" });
    const row = async (): Promise<string> => {
      const { stdout } = await type("sessions");
      return stdout.split("\n").find((line) => line.includes(client.localAddress)) ?? "";
    };
    expect((await type("sessions")).stdout.split("\n")[0]).toMatch(/^ID +GROUP +BLOCK +USER/);
    expect(await row()).toMatch(
      /^\d+ +default +writes +postgres +postgres +shop +\S+ +no +\d+s +idle +idle$/,
    );
    client.query("begin; select pg_sleep(60)");
    await waitFor("it to be active", async () => (await row()).includes(" active "));
    const [id = ""] = (await row()).split(" ");
    expect(await type(`cancel ${id}`)).toMatchObject({ code: 0 });
    expect(await client.errorResponse()).toMatchObject({ code: "57014" });
    await client.messagesUntil("Z");
    expect(await row()).toEndWith("idle      failed");
    expect(await type(`kill ${id}`)).toMatchObject({ code: 0, stdout: "The session is ended\n" });
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "57P01" });
    await client.ended();
    expect((await type(`kill ${id}`)).stderr).toContain(`no session has the id "${id}"`);
    const unsaid = await type("kill");
    expect([unsaid.code, unsaid.stderr]).toEqual([1, expect.stringContaining("kill ID [flags]")]);
  });

  test("a paused block makes clients wait, and reconnecting replaces its connections", async () => {
    await using client = await connectWire(gatewayd);
    await client.login({ user: "postgres", database: "postgres" });
    const pid = (): Promise<string> => client.value("select pg_backend_pid()");
    const before = await pid();
    expect(await pid()).toBe(before);
    expect(await type("pause default.writes")).toMatchObject({ code: 0 });
    client.query("select 1");
    await waitFor("it to wait", async () => /1 +paused\n$/.test((await type("pools")).stdout));
    expect(await type("resume default.writes")).toMatchObject({ code: 0 });
    await client.messagesUntil("Z");
    expect(await type("reconnect default.writes")).toMatchObject({ code: 0 });
    expect(await pid()).not.toBe(before);
    expect((await type("pause default.reads")).stderr).toContain('there is no block "reads"');
    expect((await type("pause other.writes")).stderr).toContain('there is no group "other"');
    expect((await type("pause writes")).stderr).toContain("say GROUP.BLOCK");
  });

  test("with --json each prints what the API answers", async () => {
    const block = "default.writes";
    const looking = ["status", "settings", "servers", "pools", "backends", "sessions", "waiters"];
    const changing = ["set-level info", `pause ${block}`, `resume ${block}`, `reconnect ${block}`];
    const others = ["statements --reset", "policies", "plugin reload quiet"];
    for (const words of [...looking, ...changing, ...others]) {
      const { code, stdout, stderr } = await type(`${words} --json`);
      expect([words, code, stderr]).toEqual([words, 0, ""]);
      expect(JSON.parse(stdout)).toBeObject();
    }
  });

  test("without a token they say where one goes", async () => {
    const refused = await type("status", "");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("put a token into GATEWAYD_TOKEN");
    expect(await type("plugin list", "")).toMatchObject({ code: 0 });
  });
});

test("drain lets clients finish, and ends the gateway", async () => {
  const address = await freeAddress();
  const config = adminConfig(postgres.address, { ...OPEN_POOL, api: { httpAddress: address } });
  await using other = await startGatewayd({ config });
  await using client = await connectWire(other);
  await client.login({ user: "postgres", database: "postgres" });
  client.query("begin");
  await client.messagesUntil("Z");
  const drained = await type(`drain --address ${address}`, "");
  expect(drained).toMatchObject({ code: 0, stdout: "The gateway is draining\n", stderr: "" });
  expect((await type(`health --address ${address}`, "")).stdout).toBe("NOT_SERVING\n");
  client.query("commit");
  await client.messagesUntil("Z");
  expect(await other.process.waitForExit(10_000)).toMatchObject({ code: 0 });
});

test("where no gateway answers, the address that was asked is named", async () => {
  const address = await freeAddress();
  const { code, stderr } = await type(`health --address ${address}`);
  expect(code).toBe(1);
  expect(stderr).toContain(`no gateway answers at http://${address}`);
});
