import { expect } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type PostgresServer, psql, startPostgres, testNeeding, waitFor } from "../kit/index.ts";
import { HOOK_MODES, startInMode, writeUsersFile } from "./hook-modes.ts";
import { type GatewayInProcess, makeGateway } from "./start-gateway.ts";

const FIXTURES = join(import.meta.dir, "..", "fixtures");
const CAPTURE = join(FIXTURES, "gatewayd-0.10.3", "hooks.jsonl");
const CAPTURED_CONFIG = join(FIXTURES, "config", "on-config-loaded-0.10.3.yaml");

interface Call {
  readonly rpc: string;
  readonly json: unknown;
}

/**
 * What the original sent, less what is not to be the same:
 *
 * - GetPluginConfig is no event: plugins are asked for it when they are loaded.
 * - OnTick comes by the clock, so that the number of ticks differs; they are compared apart.
 * - After the client had closed, the original sent an OnTrafficFromClient with an empty request: a
 *   defect (nothing was received). The other known one, that an answer is paired with the latest
 *   request and not with its own, does not show where the client awaits each answer.
 */
async function capturedCalls(): Promise<readonly Call[]> {
  const text = await readFile(CAPTURE, "utf8");
  const calls = text
    .trim()
    .split("\n")
    .map((line): Call => {
      const call: Call = JSON.parse(line);
      return { rpc: call.rpc, json: call.json };
    });
  return calls.filter(({ rpc, json }) => {
    const isEmptyRequest = rpc === "OnTrafficFromClient" && field(json, "request") === "";
    return rpc !== "GetPluginConfig" && !isEmptyRequest;
  });
}

function field(json: unknown, key: string): unknown {
  return typeof json === "object" && json !== null ? Reflect.get(json, key) : undefined;
}

/** Masks what differs from run to run: addresses, ids, and the secrets and settings of a login. */
function masked(value: unknown, key = ""): unknown {
  if (value instanceof Uint8Array) return masked(Buffer.from(value).toString("base64"), key);
  if (Array.isArray(value)) return value.map((entry) => masked(entry));
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
    return Object.fromEntries(entries.map(([name, entry]) => [name, masked(entry, name)]));
  }
  if (typeof value !== "string") return value;
  if (key === "request" || key === "response") return maskedMessages(value);
  if (/^[0-9a-f]{64}$/.test(value)) return "<id>";
  return value.replace(/^(localhost|127\.0\.0\.1):\d+$/, "<address>");
}

/** Login messages as their tags, repeated ones once; all others byte for byte. */
function maskedMessages(base64: string): string {
  const bytes = Buffer.from(base64, "base64");
  const first = bytes.toString("latin1", 0, 1);
  if (first !== "p" && first !== "R") return base64;
  let tags = "";
  for (let at = 0; at < bytes.length; at += 1 + bytes.readUInt32BE(at + 1)) {
    const tag = bytes.toString("latin1", at, at + 1);
    if (!tags.endsWith(tag)) tags += tag;
  }
  return `<${tags}>`;
}

/** What was captured: psql logs in, asks twice and leaves. */
async function converse(inside: GatewayInProcess, postgres: PostgresServer): Promise<void> {
  const result = await psql("", {
    ...inside.target,
    args: ["-c", "select 1 as a", "-c", "select $$x$$::text, 2"],
    env: { PGSSLMODE: "prefer", PGPASSWORD: postgres.password, PGDATABASE: "bench" },
  });
  expect(result).toMatchObject({ code: 0, stdout: "1\nx|2\n" });
  await waitFor("the connection to be closed", () =>
    inside.events.some(({ hook }) => hook === "OnClosed"),
  );
}

testNeeding("psql")(
  "plugins are told what the original tells them, in the same order",
  async () => {
    await using postgres = await startPostgres({ auth: "scram-sha-256" });
    await postgres.query("create database bench");
    const yaml = (await readFile(CAPTURED_CONFIG, "utf8"))
      .replace("localhost:5432", `localhost:${postgres.port}`)
      .replace("127.0.0.1:15432", "127.0.0.1:0");
    await using inside = await makeGateway(yaml);
    const { gateway, events } = inside;
    inside.recordAll();
    await gateway.boot();

    await converse(inside, postgres);
    await gateway.signalled("SIGTERM");
    await gateway.drain();
    await gateway.stopNow();

    const seen: readonly Call[] = events.map(({ hook, payload }) => ({
      rpc: hook,
      json: masked(payload),
    }));
    const expected: readonly Call[] = (await capturedCalls()).map(({ rpc, json }) => ({
      rpc,
      json: masked(json),
    }));
    const isTick = ({ rpc }: Call): boolean => rpc === "OnTick";
    expect(seen.filter((call) => !isTick(call)).map(({ rpc }) => rpc)).toEqual(
      expected.filter((call) => !isTick(call)).map(({ rpc }) => rpc),
    );
    expect(seen.filter((call) => !isTick(call))).toEqual(expected.filter((call) => !isTick(call)));
    expect(seen.find(isTick)).toEqual(expected.find(isTick));
    // All of them but OnHook, which nobody calls.
    expect(new Set(events.map(({ hook }) => hook)).size).toBe(21);
  },
);

for (const mode of HOOK_MODES.filter((other) => other !== "passthrough")) {
  testNeeding("psql")(
    `plugins are told of the traffic in mode ${mode} what the original tells them`,
    async () => {
      await using postgres = await startPostgres({ auth: "scram-sha-256" });
      await postgres.query("create database bench");
      const directory = await mkdtemp(join(tmpdir(), "gatewayd-fixture-"));
      const usersFile = await writeUsersFile(directory, postgres);
      const auth = { method: "scram-sha-256", usersFile };
      await using inside = await startInMode(mode, `localhost:${postgres.port}`, auth);
      // What the first client is told, the server has to be asked for: that takes a moment.
      inside.recordAll();
      await converse(inside, postgres);
      inside.events.length = 0;
      await converse(inside, postgres);
      await rm(directory, { recursive: true });

      const isTraffic = ({ rpc }: Call): boolean => /^OnTraffic./.test(rpc);
      const seen = inside.events.map(({ hook, payload }): Call => ({ rpc: hook, json: payload }));
      const localOf = ({ json }: Call): unknown => field(field(json, "server"), "local");
      const withoutOurEnd = ({ rpc, json }: Call): Call => {
        const server = { local: "<address>", remote: field(field(json, "server"), "remote") };
        return { rpc, json: masked({ ...Object(json), server }) };
      };
      const traffic = seen.filter(isTraffic);
      expect(traffic.map(withoutOurEnd)).toEqual(
        (await capturedCalls()).filter(isTraffic).map(withoutOurEnd),
      );
      expect(localOf(traffic[0] ?? { rpc: "", json: {} })).toBe("");
    },
  );
}
