import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GatewayError } from "../../src/errors.ts";
import { sha256Of } from "../fixtures/plugins/built-plugins.ts";
import { failureOf, type StartOptions, startPlugin } from "../fixtures/plugins/start-plugin.ts";
import { childrenOf, waitFor } from "../kit/index.ts";

const FAKE = join(import.meta.dir, "..", "fixtures", "plugins", "fake-plugin.ts");
const BUN = process.execPath;

let directory = "";

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "gatewayd-faults-"));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

/** A shell script as a plugin. */
async function script(text: string): Promise<string> {
  const path = join(directory, `${crypto.randomUUID()}.sh`);
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

/** How the start fails. Nothing of the plugin may be left then. */
async function startFailureOf(options: StartOptions): Promise<GatewayError> {
  const before = childrenOf(process.pid);
  const failure = await failureOf(
    startPlugin(options).then(async ({ plugin }) => {
      await plugin.stop();
    }),
  );
  const left = childrenOf(process.pid).filter((pid) => !before.includes(pid));
  expect(left).toEqual([]);
  return failure;
}

describe("the executable", () => {
  test("must have the checksum of its entry", async () => {
    const localPath = await script("echo never run > ran");
    const checksum = "0".repeat(64);
    const failure = await startFailureOf({ localPath, checksum });
    expect(failure.code).toBe("ERR_PLUGIN_CHECKSUM");
    expect(failure.message).toContain(await sha256Of(localPath));
    expect(await Bun.file(join(directory, "ran")).exists()).toBe(false);
  });

  test("is run when it has the checksum of its entry, whatever its case", async () => {
    const localPath = await script("echo garbage");
    const checksum = (await sha256Of(localPath)).toUpperCase();
    expect((await startFailureOf({ localPath, checksum })).code).toBe("ERR_PLUGIN_HANDSHAKE");
  });

  test("must be there, and executable", async () => {
    const localPath = join(directory, "missing");
    expect((await startFailureOf({ localPath })).code).toBe("ERR_PLUGIN_EXEC");
    expect((await startFailureOf({ localPath, checksum: "0".repeat(64) })).code).toBe(
      "ERR_PLUGIN_EXEC",
    );
    const plain = join(directory, "plain");
    await writeFile(plain, "no program");
    expect((await startFailureOf({ localPath: plain })).code).toBe("ERR_PLUGIN_EXEC");
  });
});

describe("the handshake", () => {
  const LINES: Readonly<Record<string, string>> = {
    "hello world": "ERR_PLUGIN_HANDSHAKE",
    "1|1|unix": "ERR_PLUGIN_HANDSHAKE",
    "2|1|unix|/tmp/x|grpc|": "ERR_PLUGIN_CORE_PROTOCOL",
    "1|0|tcp|127.0.0.1:12345|grpc": "ERR_PLUGIN_APP_PROTOCOL",
    "1|1|unix|/tmp/x": "ERR_PLUGIN_RPC_PROTOCOL",
    "1|1|unix|/tmp/x|netrpc|": "ERR_PLUGIN_RPC_PROTOCOL",
    "1|1|pipe|/tmp/x|grpc|": "ERR_PLUGIN_ADDRESS",
    "1|1|tcp|127.0.0.1|grpc|": "ERR_PLUGIN_ADDRESS",
    "1|1|unix|/tmp/x|grpc|": "ERR_PLUGIN_CERTIFICATE",
    [`1|1|unix|/tmp/x|grpc|${"A".repeat(80)}`]: "ERR_PLUGIN_CERTIFICATE",
  };
  for (const [line, code] of Object.entries(LINES)) {
    test(`"${line.slice(0, 40)}" fails with ${code}`, async () => {
      const failure = await startFailureOf({
        localPath: await script(`echo '${line}'; exec sleep 60`),
      });
      expect(failure.code as string).toBe(code);
    });
  }

  test("that never comes fails with the last words of the plugin", async () => {
    const localPath = await script("echo first >&2; echo 'cannot go on' >&2; exit 7");
    const failure = await startFailureOf({ localPath });
    expect(failure.code).toBe("ERR_PLUGIN_EXITED");
    expect(failure.message).toEndWith("exit code 7: first cannot go on");
  });

  test("that is late fails when the time is up, and nothing stays", async () => {
    const localPath = await script('sleep 60 & echo $! > "$0.child"; wait');
    const failure = await startFailureOf({ localPath, startTimeoutMs: 300 });
    expect(failure.code).toBe("ERR_PLUGIN_TIMEOUT");
    const grandchild = Number(await Bun.file(`${localPath}.child`).text());
    await waitFor("the plugin's own child to be gone", () => !isRunning(grandchild));
  });

  test("is not waited for by a caller that gives up", async () => {
    const localPath = await script("exec sleep 60");
    const controller = new AbortController();
    const failure = startFailureOf({ localPath, signal: controller.signal });
    controller.abort();
    expect((await failure).code).toBe("ERR_PLUGIN_START_ABORTED");
  });
});

describe("the connection", () => {
  const FAULTS: Readonly<Record<string, string>> = {
    nobody: "ERR_PLUGIN_CONNECT",
    gone: "ERR_PLUGIN_EXITED",
    "wrong certificate": "ERR_PLUGIN_TLS",
    distrust: "ERR_PLUGIN_TLS",
    "no http2": "ERR_PLUGIN_TLS",
    nameless: "ERR_PLUGIN_DESCRIPTION",
    unhealthy: "ERR_PLUGIN_UNHEALTHY",
  };
  for (const [fault, code] of Object.entries(FAULTS)) {
    test(`with the fault "${fault}" fails with ${code}`, async () => {
      const failure = await startFailureOf({ localPath: BUN, args: [FAKE, fault] });
      expect(failure.code as string).toBe(code);
    });
  }

  test("is verified also where the environment asks for none of that", async () => {
    const before = process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      const failure = await startFailureOf({ localPath: BUN, args: [FAKE, "wrong certificate"] });
      expect(failure.code).toBe("ERR_PLUGIN_TLS");
    } finally {
      if (before === undefined) delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
      else process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = before;
    }
  });

  test("may be over TCP", async () => {
    await using started = await startPlugin({ localPath: BUN, args: [FAKE] });
    expect(started.plugin.description.name).toBe("fake");
  });

  test("is opened again when the plugin lives on without it", async () => {
    await using started = await startPlugin({ localPath: BUN, args: [FAKE] });
    const { plugin, logger } = started;
    await waitFor("its output", () => logger.count("stream 1") === 1);
    const lost = await failureOf(call(plugin, "OnTrafficFromServer", {}));
    expect(lost.message).toContain("broken off");
    const answer = await call(plugin, "OnTrafficFromClient", { a: 1 });
    expect(answer).toEqual({ a: 1 });
    await waitFor("its output by the new connection", () => logger.count("stream 2") === 1);
  });

  test("is left when the plugin announces its end, without losing a call", async () => {
    await using started = await startPlugin({ localPath: BUN, args: [FAKE, "goaway"] });
    for (let round = 0; round < 5; round += 1) {
      expect(await call(started.plugin, "OnTrafficFromClient", { round })).toEqual({ round });
    }
  });
});

describe("what a plugin has started ends with it", () => {
  test("when it ends before it serves", async () => {
    const localPath = await script('sleep 60 & echo $! > "$0.child"; exit 7');
    expect((await startFailureOf({ localPath })).message).toContain("exit code 7");
    await expectGone(localPath);
  });

  test.each(["SIGTERM", "SIGKILL"])("when it ends by %s while it serves", async (signal) => {
    const start = 'sleep 60 & echo $! > "$0.child"; echo $$ > "$0.pid"';
    const localPath = await script(`${start}; exec "${BUN}" "${FAKE}"`);
    const { plugin } = await startPlugin({ localPath });
    process.kill(Number(await Bun.file(`${localPath}.pid`).text()), signal);
    expect(await plugin.ended).toContain(signal);
    await expectGone(localPath);
  });

  /** The child of the script is gone. */
  async function expectGone(localPath: string): Promise<void> {
    const child = Number(await Bun.file(`${localPath}.child`).text());
    await waitFor("the plugin's own child to be gone", () => !isRunning(child));
  }
});

test("a plugin that does not end when it is asked to is killed after its grace time", async () => {
  const started = await startPlugin({ localPath: BUN, args: [FAKE, "stubborn"] });
  const before = performance.now();
  await started.plugin.stop();
  const tookMs = performance.now() - before;
  expect(tookMs).toBeGreaterThan(1900);
  expect(tookMs).toBeLessThan(8000);
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function call(
  plugin: Awaited<ReturnType<typeof startPlugin>>["plugin"],
  hook: "OnTrafficFromClient" | "OnTrafficFromServer",
  payload: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  return await plugin.handler(hook)(payload);
}
