import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  childrenOf,
  connectWire,
  GATEWAYD_BINARY,
  oneBlockConfig,
  type PostgresServer,
  runToEnd,
  startGatewayd,
  startPostgres,
  startProcess,
  waitFor,
} from "../kit/index.ts";

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-alone-"));
}, 60_000);

afterAll(async () => {
  await rm(directory, { recursive: true });
  await postgres[Symbol.asyncDispose]();
});

test("the executable alone, from / with an empty HOME and PATH, serves and ends with 0", async () => {
  const home = join(directory, "home");
  await mkdir(home);
  const alone = join(directory, "gatewayd");
  await copyFile(GATEWAYD_BINARY, alone);
  await chmod(alone, 0o755);
  await using gatewayd = await startGatewayd({
    binary: alone,
    config: oneBlockConfig(postgres.address),
    env: { HOME: home, PATH: "" },
  });
  await using client = await connectWire(gatewayd);
  await client.login();
  client.query("select 'alone'");
  await client.messagesUntil("Z");
  await gatewayd.stop();
  expect(await client.errorResponse()).toMatchObject({ code: "57P01" });
});

test("a .env and a bunfig.toml where it is started from have no effect", async () => {
  const place = join(directory, "place");
  await mkdir(place);
  await writeFile(join(place, ".env"), "GATEWAYD_SERVERS_DEFAULT_ADDRESS=203.0.113.1:1\n");
  await writeFile(join(place, "bunfig.toml"), 'preload = ["./preloaded.ts"]\n');
  await writeFile(join(place, "preloaded.ts"), 'console.log("preloaded"); process.exit(42);\n');
  await writeFile(join(place, "gatewayd.yaml"), oneBlockConfig(postgres.address));
  const shown = await runToEnd([GATEWAYD_BINARY, "config", "show"], { cwd: place, env: {} });
  expect(shown.code).toBe(0);
  expect(shown.stdout).toContain("127.0.0.1:0");
  expect(shown.stdout + shown.stderr).not.toMatch(/203\.0\.113\.1|preloaded/);
  await using gatewayd = await startProcess([GATEWAYD_BINARY, "run"], { cwd: place, env: {} });
  await gatewayd.waitForLine("GatewayD is listening");
  expect(gatewayd.output()).toContain("address=127.0.0.1:");
  gatewayd.kill("SIGTERM");
  expect(await gatewayd.waitForExit()).toEqual({ code: 0, signal: null });
});

/** A look inside the very executable: Bun loads this script before the program. */
async function preloading(name: string, source: string): Promise<Record<string, string>> {
  const script = join(directory, name);
  await writeFile(script, source);
  return { BUN_OPTIONS: `--preload=${script}` };
}

test("its runtime has the options it was built with: no code is made from text", async () => {
  const env = await preloading(
    "look.js",
    `let refusal = "none";
     try { (0, eval)("1") } catch (error) { refusal = error.name }
     console.log(JSON.stringify({ refusal, flags: process.execArgv }));`,
  );
  const result = await runToEnd([GATEWAYD_BINARY, "version"], { env });
  const [line = ""] = result.stdout.split("\n");
  const look: { refusal: string; flags: readonly string[] } = JSON.parse(line);
  expect(look.refusal).toBe("EvalError");
  expect(look.flags).toContain("--disallow-code-generation-from-strings");
  expect(look.flags).toContain("--no-orphans");
});

test.each(["SIGTERM", "SIGKILL"] as const)("%s takes a child process with it", async (signal) => {
  const env = await preloading(
    "child.js",
    `console.log("child " + Bun.spawn(["/bin/sleep", "300"], { stdio: ["ignore", "ignore", "ignore"] }).pid);`,
  );
  await using gatewayd = await startGatewayd({ config: oneBlockConfig(postgres.address), env });
  const line = await gatewayd.process.waitForLine(/^child \d+$/);
  const child = Number(line.slice("child ".length));
  expect(childrenOf(gatewayd.process.pid)).toContain(child);
  gatewayd.process.kill(signal);
  await gatewayd.process.waitForExit();
  await waitFor("the child to be gone", () => !existsSync(`/proc/${child}`));
});

test("the executable does not tell where it was built, so that it is the same from anywhere", async () => {
  const bytes = Buffer.from(await Bun.file(GATEWAYD_BINARY).arrayBuffer());
  expect(bytes.indexOf(join(import.meta.dir, "../.."))).toBe(-1);
});
