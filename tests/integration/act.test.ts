/** Signals, policies and rules in a gateway, in front of a real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import type { HookHandler } from "../../src/hooks/index.ts";
import { errorResponse, readyForQuery } from "../../src/postgres/index.ts";
import { type PostgresServer, startPostgres } from "../kit/index.ts";
import { HOOK_MODES, type HookMode, startInMode, writeUsersFile } from "./hook-modes.ts";
import type { GatewayInProcess } from "./start-gateway.ts";

const TERMINATE = { name: "terminate", metadata: { terminate: true } };

let postgres: PostgresServer;
let directory: string;
let usersFile: string;

beforeAll(async () => {
  postgres = await startPostgres({ auth: "scram-sha-256" });
  directory = await mkdtemp(join(tmpdir(), "gatewayd-act-"));
  usersFile = await writeUsersFile(directory, postgres);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function started(mode: HookMode, plugins: object = {}): Promise<GatewayInProcess> {
  const auth = { method: "scram-sha-256", usersFile };
  return await startInMode(mode, postgres.address, auth, { plugins });
}

async function connected(inside: GatewayInProcess): Promise<Client> {
  const { user, password, database } = postgres;
  const client = new Client({ ...inside.target, user, password, database });
  client.on("error", () => {}); // Told by the query as well.
  await client.connect();
  return client;
}

/** A plugin on OnTrafficFromClient that gives signals for what contains a word. */
function signal(inside: GatewayInProcess, word: string, answer: Record<string, unknown>): void {
  const handler: HookHandler = async ({ request }) =>
    request instanceof Uint8Array && Buffer.from(request).includes(word) ? answer : undefined;
  inside.gateway.hooks.register("OnTrafficFromClient", {
    name: "plugin",
    priority: 1000,
    onError: "continue",
    handler,
  });
}

describe.each(HOOK_MODES)("in mode %s", (mode) => {
  test("a plugin terminates by a signal, with and without a response", async () => {
    await using inside = await started(mode);
    const error = errorResponse({ severity: "ERROR", sqlState: "42501", message: "not for you" });
    const response = Buffer.concat([error, readyForQuery(0x49)]);
    signal(inside, "plain", { __signals__: [TERMINATE] });
    const client = await connected(inside);
    await expect(client.query("select 'plain'")).rejects.toMatchObject({ code: "42000" });
    await expect(client.query("select 'plain', $1", ["x"])).rejects.toMatchObject({
      code: "42000",
    });
    signal(inside, "told", { response, __signals__: [TERMINATE] });
    await expect(client.query("select 'told'")).rejects.toMatchObject({ code: "42501" });
    expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
    await client.end();
  });

  test("a policy of the configuration says which signals count", async () => {
    const policies = [
      {
        name: "terminate",
        policy: "Signal.because == Policy.because",
        metadata: { because: "size" },
      },
    ];
    await using inside = await started(mode, { policies });
    signal(inside, "marked", {
      __signals__: [{ name: "terminate", metadata: { because: "size" } }],
    });
    const client = await connected(inside);
    await expect(client.query("select 'marked'")).rejects.toMatchObject({ code: "42000" });
    signal(inside, "marked", {
      __signals__: [{ name: "terminate", metadata: { because: "name" } }],
    });
    expect((await client.query("select 'marked' as x")).rows).toEqual([{ x: "marked" }]);
    await client.end();
  });

  test("rules end simple and extended requests with their own error; the connection goes on", async () => {
    const rules = [
      {
        name: "no drops",
        condition:
          'statements.exists(s, s.startsWith("drop table")) && session.user == ' +
          JSON.stringify(postgres.user),
        terminate: { sqlState: "42501", message: "tables are not dropped here" },
      },
    ];
    await using inside = await started(mode, { rules });
    const client = await connected(inside);
    const refusal = { severity: "ERROR", code: "42501", message: "tables are not dropped here" };
    await expect(client.query("drop /* now */ table x")).rejects.toMatchObject(refusal);
    await expect(
      client.query({ name: "d", text: "drop table x", values: [] }),
    ).rejects.toMatchObject(refusal);
    if (mode !== "statement") {
      await client.query("begin");
      await expect(client.query("drop table x")).rejects.toMatchObject(refusal);
      expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
      await client.query("rollback");
    }
    expect((await client.query("select $1::int as x", [2])).rows).toEqual([{ x: 2 }]);
    await client.end();
  });

  test("rules refuse logins with their own error", async () => {
    const terminate = { sqlState: "28000", message: "not with this program" };
    const condition = 'session.applicationName == "forbidden"';
    await using inside = await started(mode, { rules: [{ name: "r", condition, terminate }] });
    const { user, password, database } = postgres;
    const to = { ...inside.target, user, password, database };
    const client = new Client({ ...to, application_name: "forbidden" });
    await expect(client.connect()).rejects.toMatchObject({
      severity: "FATAL",
      code: "28000",
      message: "not with this program",
    });
    const other = await connected(inside);
    expect((await other.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
    await other.end();
  });

  test.each(["OnOpening", "OnOpened", "OnTraffic"])(
    "rules refuse connections on %s",
    async (hook) => {
      const terminate = { sqlState: "28000", message: "not from there" };
      const condition = 'session.address == "127.0.0.1"';
      await using inside = await started(mode, {
        rules: [{ name: "r", hook, condition, terminate }],
      });
      await expect(connected(inside)).rejects.toMatchObject({
        severity: "FATAL",
        code: "28000",
        message: "not from there",
      });
    },
  );

  test("a limit of the rate ends what is too much, and leaves the rest", async () => {
    const rateLimit = { per: "fingerprint", requests: 2, interval: "1h" };
    await using inside = await started(mode, {
      rules: [{ name: "limit", condition: 'query.contains("limited")', rateLimit }],
    });
    const client = await connected(inside);
    await client.query("select 1 as limited");
    await client.query("select 2 as limited");
    await expect(client.query("select 3 as limited")).rejects.toMatchObject({
      code: "53400",
      message: "too many requests",
    });
    expect((await client.query("select 3 as free")).rows).toEqual([{ free: 3 }]);
    await client.end();
  });
});

test("a default policy that terminates ends what a plugin lets pass without a signal", async () => {
  await using inside = await started("transaction", { defaultPolicy: "terminate" });
  const client = await connected(inside);
  expect((await client.query("select 1 as x")).rows).toEqual([{ x: 1 }]);
  signal(inside, "passed", { __signals__: [{ name: "passthrough", metadata: null }] });
  expect((await client.query("select 'passed' as x")).rows).toEqual([{ x: "passed" }]);
  await expect(client.query("select 2 as x")).rejects.toMatchObject({ code: "42000" });
  await client.end();
});
