import { beforeAll, describe, expect } from "bun:test";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  HOOK_NUMBERS,
  type HookName,
  type HookPayload,
  type LateAnswer,
} from "../../src/hooks/index.ts";
import { decodeStruct } from "../../src/rpc/index.ts";
import { type BuiltPlugin, goRecorder, testGo } from "../fixtures/plugins/built-plugins.ts";
import { failureOf, type StartedPlugin, startPlugin } from "../fixtures/plugins/start-plugin.ts";
import {
  childrenOf,
  expectSameDescriptors,
  heldBytes,
  openDescriptors,
  waitFor,
} from "../kit/index.ts";

const CAPTURE = join(import.meta.dir, "..", "fixtures", "gatewayd-0.10.3", "hooks.jsonl");
const HOOKS = Object.keys(HOOK_NUMBERS) as HookName[]; // Its own keys.

let recorder: BuiltPlugin | undefined;

beforeAll(async () => {
  recorder = await goRecorder();
}, 300_000);

/** Calls a hook of a plugin. */
async function call(
  { plugin }: StartedPlugin,
  payload: HookPayload,
  hook: HookName = "OnTrafficFromClient",
): Promise<HookPayload> {
  const answer = await plugin.handler(hook)(payload);
  if (typeof answer !== "object" || answer === null) throw new Error("no answer");
  return answer as HookPayload; // A process has no other way to answer.
}

interface Call {
  readonly rpc: string;
  readonly deadline: boolean;
  readonly struct: string;
  readonly json: unknown;
}

async function callsIn(path: string): Promise<readonly Call[]> {
  const text = await readFile(path, "utf8");
  return text
    .trim()
    .split("\n")
    .map((line): Call => JSON.parse(line));
}

describe("a Go plugin", () => {
  testGo("says who it is and what it wants to be called for", async () => {
    await using started = await startPlugin({
      ...recorder,
      env: ["REQUIRES=other@1.0.0 third@>=2"],
    });
    expect(started.plugin.description).toEqual({
      name: "recorder",
      version: "1.2.3",
      remoteUrl: "gatewayd.test/recorder",
      checksum: "",
      description: "Records what it is called for",
      authors: ["the tests"],
      license: "Apache-2.0",
      projectUrl: "https://gatewayd.test/recorder",
      config: {
        metricsEnabled: "false",
        metricsUnixDomainSocket: "/tmp/recorder.sock",
        metricsEndpoint: "/metrics",
      },
      requires: [
        { name: "other", version: "1.0.0", remoteUrl: "" },
        { name: "third", version: ">=2", remoteUrl: "" },
      ],
      tags: ["test"],
      categories: ["builtin"],
      hooks: HOOKS,
      unknownHooks: ["1000"],
    });
    await started.plugin.ping(new AbortController().signal);
    expect(await started.plugin.scrape(new AbortController().signal)).toBeUndefined();
  });

  testGo("receives on every hook, byte for byte, what it receives from the original", async () => {
    const directory = await mkdtemp(join(tmpdir(), "gatewayd-record-"));
    const record = join(directory, "calls.jsonl");
    const captured = await callsIn(CAPTURE);
    {
      await using started = await startPlugin({ ...recorder, env: [`RECORD=${record}`] });
      for (const { rpc, struct } of captured) {
        if (rpc === "GetPluginConfig") continue;
        const payload = decodeStruct(Buffer.from(struct, "base64"));
        // What it gets and what it answers is the same: an unchanged payload comes back.
        expect(await call(started, payload, rpc as HookName)).toEqual(payload);
      }
      await call(started, {}, "OnHook");
    }
    const seen = await callsIn(record);
    expect(seen.at(-1)).toMatchObject({ rpc: "OnHook", deadline: true, json: {} });
    expect(seen.slice(0, -1)).toEqual([...captured]);
    expect(new Set(seen.map(({ rpc }) => rpc)).size).toBe(23);
    await rm(directory, { recursive: true });
  });

  testGo("is called many times at once, and each call gets its own answer", async () => {
    await using started = await startPlugin({ ...recorder });
    const before = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, number) => call(started, { do: "slow 300", number })),
    );
    expect(answers.map(({ number }) => number)).toEqual(answers.map((_, number) => number));
    expect(performance.now() - before).toBeLessThan(10_000);
  });

  testGo("that is too slow fails the call at its deadline, and is told so", async () => {
    await using started = await startPlugin({ ...recorder, timeout: 1_000 });
    const failure = await failureOf(call(started, { do: "slow 60000" }));
    expect(failure.code).toBe("ERR_HOOK_TIMEOUT");
    await waitFor(
      "the plugin to notice",
      () => started.logger.count("nobody waits any more") === 1,
    );
    expect((await failureOf(call(started, { do: "hang" }))).code).toBe("ERR_HOOK_TIMEOUT");
    // A call that hangs holds up no other one.
    expect(await call(started, { a: 1 })).toEqual({ a: 1 });
  });

  testGo(
    "has the deadline of the chain when it has none of its own, and may have none",
    async () => {
      await using chained = await startPlugin({ ...recorder, chainTimeoutMs: 100 });
      expect((await failureOf(call(chained, { do: "hang" }))).code).toBe("ERR_HOOK_TIMEOUT");
      const directory = await mkdtemp(join(tmpdir(), "gatewayd-record-"));
      const record = join(directory, "calls.jsonl");
      const env = [`RECORD=${record}`];
      await using endless = await startPlugin({ ...recorder, env, chainTimeoutMs: 0 });
      await call(endless, {});
      expect((await callsIn(record)).map(({ deadline }) => deadline)).toEqual([false, false]);
      const handler = endless.plugin.handler("OnTrafficFromClient");
      await handler({}, undefined, 10_000);
      expect((await callsIn(record)).at(-1)?.deadline).toBe(true);
      await rm(directory, { recursive: true });
    },
  );

  testGo("is told what the plugins before it have left of the chain's time", async () => {
    await using started = await startPlugin({ ...recorder, timeout: 60_000 });
    const handler = started.plugin.handler("OnTrafficFromClient");
    const late = Promise.resolve(handler({ do: "slow 60000" }, undefined, 99.5));
    expect(await failureOf(late)).toMatchObject({
      code: "ERR_HOOK_TIMEOUT",
      message: "OnTrafficFromClient: no answer within 100 ms",
    });
    await waitFor(
      "the plugin to notice",
      () => started.logger.count("nobody waits any more") === 1,
    );
  });

  testGo("is told of a call that is given up", async () => {
    await using started = await startPlugin({ ...recorder });
    const handler = started.plugin.handler("OnTrafficFromClient");
    const answer = handler({ do: "slow 60000" }) as LateAnswer; // A process answers later.
    // Once a later call is answered, the plugin has this one.
    await call(started, {});
    expect(started.plugin.activity?.().callsUnderWay).toBe(1);
    answer.giveUp?.();
    expect((await failureOf(answer)).message).toEndWith("the call was given up");
    expect(started.plugin.activity?.().callsUnderWay).toBe(0);
    await waitFor(
      "the plugin to notice",
      () => started.logger.count("nobody waits any more") === 1,
    );
    answer.giveUp?.();
    expect(await call(started, { a: 1 })).toEqual({ a: 1 });
  });

  testGo("that answers with a status fails the call with its words", async () => {
    await using started = await startPlugin({ ...recorder });
    const failure = await failureOf(call(started, { do: "fail" }));
    expect(failure.code).toBe("ERR_PLUGIN_CALL");
    expect(failure.message).toBe(
      "the plugin does not answer OnTrafficFromClient (FailedPrecondition): asked to fail: 100 % näh",
    );
  });

  testGo("that crashes fails what is under way and what comes later, and says how", async () => {
    await using started = await startPlugin({ ...recorder });
    const hanging = failureOf(call(started, { do: "hang" }));
    const crashing = failureOf(call(started, { do: "crash" }));
    expect((await hanging).code).toBeOneOf(["ERR_PLUGIN_CALL", "ERR_PLUGIN_ENDED"]);
    expect((await crashing).code).toBeOneOf(["ERR_PLUGIN_CALL", "ERR_PLUGIN_ENDED"]);
    expect(await started.plugin.ended).toStartWith("exit code 3");
    const later = await failureOf(call(started, {}));
    expect(later.code).toBe("ERR_PLUGIN_ENDED");
    expect(later.message).toContain("exit code 3");
    expect((await failureOf(started.plugin.ping(new AbortController().signal))).code).toBe(
      "ERR_PLUGIN_ENDED",
    );
  });

  testGo("that panics is logged as an error, with its stack", async () => {
    await using started = await startPlugin({ ...recorder });
    await failureOf(call(started, { do: "panic" }));
    expect(await started.plugin.ended).toBe("exit code 2: panic: asked for a panic");
    const errors = started.logger.records.filter(({ level }) => level === "error");
    expect(errors[0]?.message).toBe("panic: asked for a panic");
    expect(errors.some(({ message }) => message.includes("recorder.go"))).toBe(true);
  });

  testGo("logs at its own levels, with its fields; what it prints is told at debug", async () => {
    await using started = await startPlugin({ ...recorder });
    const { logger } = started;
    await call(started, { do: "log" });
    await call(started, { do: "print" });
    await waitFor("the lines", () => logger.count("printed to the standard output") === 1);
    await waitFor("the lines", () => logger.count("a line without JSON") === 1);
    const record = logger.records.find(({ message }) => message === "asked to log");
    expect(record).toMatchObject({
      level: "warn",
      fields: { rpc: "OnTrafficFromClient", number: 7, timestamp: expect.any(String) },
    });
    const raw = logger.records.filter(({ message }) => /printed|without JSON/.test(message));
    expect(raw.map(({ level }) => level)).toEqual(["debug", "debug"]);
  });

  testGo("that writes a line of 400 MB is read on, and one record tells of it", async () => {
    await using started = await startPlugin({ ...recorder });
    const size = 400_000_000;
    const before = heldBytes();
    let mostBytes = 0;
    const flooded = call(started, { do: `flood ${size}` });
    await waitFor("the line to be logged", () => {
      mostBytes = Math.max(mostBytes, heldBytes() - before);
      return started.logger.records.some(({ fields }) => fields["cutFromBytes"] === size);
    });
    await flooded;
    expect(mostBytes).toBeLessThan(size / 10);
    const [line] = started.logger.records.filter(({ message }) => message.startsWith("xxx"));
    expect(line).toMatchObject({ level: "debug", message: "x".repeat(64 * 1024) });
  });

  testGo("exchanges messages up to its limit, and no longer ones", async () => {
    await using started = await startPlugin({ ...recorder, maxHookMessageBytes: 9 << 20 });
    const request = Buffer.alloc(8 << 20, "abc");
    const answer = await call(started, { request });
    // The very same bytes, for there is no difference to look for.
    expect(answer["request"]).toBe(request);
    const grown = await call(started, { do: `grow ${8 << 20}` });
    expect(grown["grown"]).toEqual(Buffer.alloc(8 << 20));
    const tooLong = failureOf(call(started, { request: Buffer.alloc(9 << 20) }));
    expect((await tooLong).code).toBe("ERR_PLUGIN_MESSAGE_TOO_LARGE");
    const answered = await failureOf(call(started, { do: `grow ${9 << 20}` }));
    expect(answered.code).toBe("ERR_PLUGIN_CALL");
    expect(answered.message).toContain(`${9 << 20} are allowed`);
    expect(await call(started, { a: 1 })).toEqual({ a: 1 });
  });

  testGo("sees the variables that passEnv names, and those of its entry before them", async () => {
    const hostEnv = { PATH: "/bin", A_ONE: "1", A_TWO: "2", SECRET: "s", GATEWAYD_PLUGIN: "no" };
    const env = ["A_TWO=mine=2", "EMPTY="];
    await using some = await startPlugin({ ...recorder, hostEnv, env, passEnv: ["A_*", "PAT?"] });
    const { environment } = await call(some, { do: "environment" });
    expect(environment).toMatchObject({
      PATH: "/bin",
      A_ONE: "1",
      A_TWO: "mine=2",
      EMPTY: "",
      PLUGIN_MIN_PORT: "50000",
      PLUGIN_MAX_PORT: "60000",
      PLUGIN_PROTOCOL_VERSIONS: "1",
      GATEWAYD_PLUGIN: "5712b87aa5d7e9f9e9ab643e6603181c5b796015cb1c09d6f5ada882bf2a1872",
    });
    expect(environment).not.toHaveProperty("SECRET");
    await using none = await startPlugin({ ...recorder, hostEnv, passEnv: [] });
    const bare = await call(none, { do: "environment" });
    expect(bare["environment"]).not.toHaveProperty("A_ONE");
    await using all = await startPlugin({ ...recorder, hostEnv });
    const full = await call(all, { do: "environment" });
    expect(full["environment"]).toMatchObject({ A_ONE: "1", A_TWO: "2", SECRET: "s" });
  });

  testGo("with the wrong magic cookie does not serve, and its words are told", async () => {
    const failure = await failureOf(
      startPlugin({ ...recorder, env: ["MAGIC_COOKIE_VALUE=wrong"] }),
    );
    expect(failure.code).toBe("ERR_PLUGIN_EXITED");
    expect(failure.message).toContain("This binary is a plugin");
  });

  testGo("that is slow to start is given up after startTimeout", async () => {
    const failure = await failureOf(
      startPlugin({ ...recorder, env: ["STARTS_LATE=60000"], startTimeoutMs: 300 }),
    );
    expect(failure.code).toBe("ERR_PLUGIN_TIMEOUT");
    await waitFor("it to be gone", () => childrenOf(process.pid).length === 0);
  });

  testGo("has its metrics read from its unix socket", async () => {
    const directory = await mkdtemp(join(tmpdir(), "gatewayd-metrics-"));
    const env = ["METRICS_ENABLED=true", `METRICS_UNIX_DOMAIN_SOCKET=${directory}/metrics.sock`];
    {
      await using started = await startPlugin({ ...recorder, env });
      const { signal } = new AbortController();
      const page = await waitFor("the page", () => started.plugin.scrape(signal), {
        retryErrors: true,
      });
      expect(page).toContain("# TYPE go_goroutines gauge");
    }
    await rm(directory, { recursive: true });
  });

  testGo("leaves nothing behind, however often it is started and however it ends", async () => {
    const directory = await mkdtemp(join(tmpdir(), "gatewayd-sockets-"));
    const hostEnv = { ...process.env, TMPDIR: directory };
    const round = async (index: number): Promise<void> => {
      const started = await startPlugin({ ...recorder, hostEnv });
      expect(await call(started, { index })).toEqual({ index });
      if (index % 4 === 3) {
        await failureOf(call(started, { do: "crash" }));
        await started.plugin.ended;
      }
      await started.plugin.stop();
    };
    for (let index = 0; index < 4; index += 1) await round(index);
    const before = openDescriptors(process.pid);
    for (let index = 0; index < 100; index += 1) await round(index);
    await expectSameDescriptors(process.pid, before);
    expect(childrenOf(process.pid)).toEqual([]);
    expect(await readdir(directory)).toEqual([]);
    await rm(directory, { recursive: true });
  });
});
