import { expect, test } from "bun:test";
import { join } from "node:path";
import {
  HOOK_NUMBERS,
  bootedPayload,
  bootingPayload,
  closingPayload,
  connectionCountPayload,
  connectionId,
  connectionPayload,
  newClientPayload,
  newPoolPayload,
  runPayload,
  signalPayload,
  trafficPayload,
} from "./index.ts";
import type { HookName, HookPayload } from "./index.ts";

interface Call {
  readonly rpc: HookName;
  readonly json: Record<string, unknown>;
}

/** The calls that the original made to a plugin during one short run. */
const FIXTURE = join(import.meta.dir, "../../tests/fixtures/gatewayd-0.10.3/hooks.jsonl");
const CALLS: readonly Call[] = (await Bun.file(FIXTURE).text())
  .trim()
  .split("\n")
  .map((line): Call => JSON.parse(line))
  .filter(({ rpc }) => rpc in HOOK_NUMBERS);

const sha256Hex = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const bytes = (base64: unknown) => new Uint8Array(Buffer.from(String(base64), "base64"));
const client = { local: "127.0.0.1:15432", remote: "127.0.0.1:40690" };
const server = { local: "127.0.0.1:45216", remote: "127.0.0.1:5432" };

/** The times of the fixture's configuration as Go writes them. */
const GO_DURATIONS = new Map([
  [0, "0s"],
  [1_000, "1s"],
  [30_000, "30s"],
  [60_000, "1m0s"],
]);

const settings = {
  network: "tcp",
  receiveChunkSize: 8192,
  receiveDeadline: 0,
  receiveTimeout: 0,
  sendDeadline: 0,
  dialTimeout: 60_000,
  tcpKeepAlive: false,
  tcpKeepAlivePeriod: 30_000,
  retries: 3,
  backoff: 1_000,
  backoffMultiplier: 2,
  disableBackoffCaps: false,
};

function newClient(json: Call["json"]): HookPayload {
  const ends = { local: String(json["localAddress"]), remote: "127.0.0.1:5432" };
  const id = connectionId("tcp", ends.local, sha256Hex);
  const address = ends.remote;
  const facts = { id, group: "default", name: "writes", address, ends, settings };
  return newClientPayload(facts, (ms) => GO_DURATIONS.get(ms) ?? `${ms} ms`);
}

function traffic({ json }: Call): HookPayload {
  const request = bytes(json["request"]);
  if (!("response" in json)) return trafficPayload({ client, server, request });
  return trafficPayload({ client, server, request, response: bytes(json["response"]) });
}

/** Builds what a hook is told; hooks that are told a tree of the configuration are not here. */
const BUILDERS: Partial<Record<HookName, (call: Call) => HookPayload>> = {
  OnNewPool: () => newPoolPayload("writes", 2),
  OnNewClient: ({ json }) => newClient(json),
  OnSignal: () => signalPayload("SIGTERM"),
  OnRun: () => runPayload("127.0.0.1:15432"),
  OnBooting: () => bootingPayload(),
  OnBooted: () => bootedPayload(),
  OnOpening: () => connectionPayload(client),
  OnOpened: () => connectionPayload(client),
  OnTraffic: () => connectionPayload(client),
  OnClosing: () => closingPayload(client),
  OnClosed: () => closingPayload(client),
  OnTrafficFromClient: traffic,
  OnTrafficToServer: traffic,
  OnTrafficFromServer: traffic,
  OnTrafficToClient: traffic,
  OnShutdown: () => connectionCountPayload(0),
  OnTick: () => connectionCountPayload(0),
};

const CONFIGURATION_HOOKS = ["OnConfigLoaded", "OnNewLogger", "OnNewProxy", "OnNewServer"];

/** As JSON has it: bytes in base64. */
function toJson(payload: HookPayload): unknown {
  return Object.fromEntries(
    Object.entries(payload).map(([key, value]) => [
      key,
      value instanceof Uint8Array ? value.toBase64() : value,
    ]),
  );
}

test.each(CALLS.map((call, index) => [index, call.rpc, call] as const))(
  "call %d, %s, has the original's payload",
  (_, rpc, call) => {
    const build = BUILDERS[rpc];
    if (build !== undefined) expect(toJson(build(call))).toEqual(call.json);
    else expect(CONFIGURATION_HOOKS).toContain(rpc);
  },
);

test("the fixture has every hook that is ever run", () => {
  const seen = new Set<string>(CALLS.map(({ rpc }) => rpc));
  const missing = Object.keys(HOOK_NUMBERS).filter((name) => !seen.has(name));
  expect(missing).toEqual(["OnHook"]);
});

test("hooks have the numbers 1 to 22 without a gap", () => {
  expect(Object.values<number>(HOOK_NUMBERS)).toEqual(Array.from({ length: 22 }, (_, i) => i + 1));
});

test.each([
  ["SIGHUP", "hangup"],
  ["SIGINT", "interrupt"],
  ["SIGQUIT", "quit"],
  ["SIGABRT", "aborted"],
  ["SIGTERM", "terminated"],
  ["SIGUSR1", "user defined signal 1"],
  ["SIGUSR2", "unknown"],
])("%s is told as %p", (signal, expected) => {
  expect(signalPayload(signal)).toEqual({ signal: expected });
});

test("OnRun names an error only if there is one", () => {
  expect(runPayload("a:1", "in use")).toEqual({ address: "a:1", error: "in use" });
  expect(Object.keys(runPayload("a:1"))).toEqual(["address"]);
});

test("traffic carries its bytes as they are, and `partial` only when more follows", () => {
  const request = new Uint8Array([1]);
  const response = new Uint8Array([2]);
  const whole = trafficPayload({ client, server, request, response, partial: false });
  expect(whole["request"]).toBe(request);
  expect(whole["response"]).toBe(response);
  expect(whole).not.toHaveProperty("partial");
  const part = trafficPayload({ client, server, request, response, partial: true });
  expect(part).toEqual({ ...whole, partial: true });
  expect(trafficPayload({ client, server, request })).not.toHaveProperty("response");
});
