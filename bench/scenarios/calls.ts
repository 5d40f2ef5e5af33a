import { join } from "node:path";
import { HOOK_NUMBERS, type HookPayload } from "../../src/hooks/index.ts";
import { silentLogger } from "../../src/logging/index.ts";
import {
  createModuleHost,
  createProcessHost,
  type PluginHost,
  type RunningPlugin,
} from "../../src/plugins/index.ts";
import {
  type BuiltPlugin,
  goRecorder,
  PYTHON_ENVIRONMENT,
  pythonRecorder,
  sha256Of,
} from "../../tests/fixtures/plugins/built-plugins.ts";
import { GATEWAYD_BINARY } from "../../tests/kit/index.ts";
import type { BenchContext } from "../context.ts";
import { percentilesOf } from "../measure/index.ts";
import type { CallsResult } from "../result.ts";

const SILENT = join(import.meta.dir, "..", "endpoints", "plugins", "silent.ts");

/** How many calls are under way at a time. */
const DEPTHS = [1, 64] as const;

/** Calls whose time is kept: enough for a 99th percentile, and no burden to a kind that answers at once. */
const MAX_KEPT = 200_000;

/** What pgbench sends, as a plugin sees it. */
const PAYLOAD: HookPayload = {
  client: { local: "127.0.0.1:15432", remote: "127.0.0.1:50000" },
  server: { local: "127.0.0.1:50001", remote: "127.0.0.1:5432" },
  error: "",
  request: queryMessage("SELECT abalance FROM pgbench_accounts WHERE aid = 123456;"),
};

/** Calls a plugin of each kind that does nothing, without a gateway around it. */
export async function measureCalls(
  context: BenchContext,
  seconds: number,
): Promise<readonly CallsResult[]> {
  const results: CallsResult[] = [];
  for (const [kind, host] of await hosts()) {
    const plugin = await host.start(context.signal);
    try {
      for (const depth of DEPTHS) {
        context.progress(`calls of a ${kind}, ${depth} at a time`);
        await callFor(plugin, depth, 0.5);
        results.push({ kind, depth, ...(await callFor(plugin, depth, seconds)) });
        context.signal.throwIfAborted();
      }
    } finally {
      await plugin.stop();
    }
  }
  return results;
}

async function hosts(): Promise<readonly (readonly [kind: string, host: PluginHost])[]> {
  const surroundings = { logger: silentLogger, chainTimeoutMs: 30_000 };
  const schedule = (delayMs: number, callback: () => void): (() => void) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  };
  const moduleOf = (isolation: "inline" | "worker"): PluginHost =>
    createModuleHost(
      { name: "bench", localPath: SILENT, checksum: "", isolation, config: {}, timeout: 0 },
      { ...surroundings, schedule },
    );
  const modules = [
    ["module", moduleOf("inline")],
    ["worker", moduleOf("worker")],
  ] as const;
  const processOf = (built: BuiltPlugin, name: string, env: readonly string[]): PluginHost =>
    createProcessHost(
      { name, env, timeout: 0, passEnv: ["*"], maxHookMessageBytes: 1 << 20, ...built },
      { ...surroundings, env: process.env, startTimeoutMs: 20_000, verifiesChecksum: true },
    );
  const served = {
    localPath: GATEWAYD_BINARY,
    args: ["plugin", "serve", SILENT],
    checksum: await sha256Of(GATEWAYD_BINARY),
  };
  const [go, python] = await Promise.all([goRecorder(), pythonRecorder()]);
  const goEnv = [`HOOKS=${HOOK_NUMBERS.OnTrafficFromClient}`];
  return [
    ...modules,
    ["TypeScript process", processOf(served, "bench", [])],
    ...(go === undefined ? [] : [["Go process", processOf(go, "recorder", goEnv)] as const]),
    ...(python === undefined
      ? []
      : [["Python process", processOf(python, "recorder-py", [PYTHON_ENVIRONMENT])] as const]),
  ];
}

/** Keeps so many calls under way for a time. */
async function callFor(
  plugin: RunningPlugin,
  depth: number,
  seconds: number,
): Promise<Omit<CallsResult, "kind" | "depth">> {
  const handler = plugin.handler("OnTrafficFromClient");
  const latenciesMs: number[] = [];
  const startedAtMs = performance.now();
  const untilMs = startedAtMs + seconds * 1000;
  let calls = 0;
  const callOnAndOn = async (): Promise<void> => {
    for (let nowMs = performance.now(); nowMs < untilMs;) {
      const answer = handler(PAYLOAD, undefined);
      // An answer at once is not waited for: the gateway does not either.
      if (answer instanceof Promise) await answer;
      const doneAtMs = performance.now();
      if (latenciesMs.length < MAX_KEPT) latenciesMs.push(doneAtMs - nowMs);
      calls++;
      nowMs = doneAtMs;
    }
  };
  await Promise.all(Array.from({ length: depth }, callOnAndOn));
  const elapsedSeconds = (performance.now() - startedAtMs) / 1000;
  const percentiles = percentilesOf(latenciesMs);
  return {
    callsPerSecond: calls / elapsedSeconds,
    p50Micros: (percentiles?.p50 ?? 0) * 1000,
    p99Micros: (percentiles?.p99 ?? 0) * 1000,
  };
}

function queryMessage(sql: string): Uint8Array {
  const message = Buffer.from(`Q\0\0\0\0${sql}\0`);
  message.writeInt32BE(message.length - 1, 1);
  return message;
}
