/** What handlers are told after the fact is what has been sent, all of it and in order, however slow they are. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { HookName } from "../../src/hooks/index.ts";
import { bytesIn } from "../fixtures/handlers.ts";
import { frontend } from "../fixtures/wire/index.ts";
import {
  connectWire,
  frontendMessage,
  type PostgresServer,
  type ServerMessage,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { HOOK_MODES, type HookMode, startInMode } from "./hook-modes.ts";

const { query, parse, bind, execute, sync, terminate } = frontend;
const HOOKS = ["OnTrafficToServer", "OnTrafficToClient"] as const satisfies readonly HookName[];

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

/** The bytes of a message as they came. */
function bytesOf({ type, body }: ServerMessage): Buffer {
  const header = Buffer.alloc(5);
  header.write(type, 0, "latin1");
  header.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([header, body]);
}

function batch(sql: string): Buffer {
  return Buffer.concat([parse(sql), bind(), execute(), sync()]);
}

async function converse(mode: HookMode, queryTimeout: string): Promise<void> {
  const options = { server: { queryTimeout } };
  await using inside = await startInMode(mode, postgres.address, { method: "trust" }, options);
  const told = { OnTrafficToServer: [] as Buffer[], OnTrafficToClient: [] as Buffer[] };
  const underWay = { OnTrafficToServer: 0, OnTrafficToClient: 0 };
  const unpaired: string[] = [];
  let mostAtOnce = 0;
  let isClosed = false;
  for (const hook of HOOKS) {
    inside.gateway.hooks.register(hook, {
      name: "told",
      priority: 1_000,
      onError: "terminate",
      handler: async (payload) => {
        mostAtOnce = Math.max(mostAtOnce, ++underWay[hook]);
        const isAnswer = hook === "OnTrafficToClient";
        told[hook].push(bytesIn(payload, isAnswer ? "response" : "request"));
        if (isAnswer && bytesIn(payload, "request").length === 0) unpaired.push("an answer");
        await new Promise((resolve) => setImmediate(resolve));
        await new Promise((resolve) => setImmediate(resolve));
        underWay[hook]--;
        // It is not used.
        return { request: Buffer.alloc(0), response: Buffer.alloc(0) };
      },
    });
  }
  inside.gateway.hooks.register("OnClosed", {
    name: "closed",
    priority: 1_000,
    onError: "continue",
    handler: () => void (isClosed = true),
  });
  await using client = await connectWire(inside.target);
  const heard = [...(await client.login())];
  const said: Buffer[] = [];
  const say = (...parts: readonly Uint8Array[]): void => {
    said.push(Buffer.concat(parts));
    client.send(Buffer.concat(parts));
  };
  const hear = async (type = "Z"): Promise<void> => {
    heard.push(...(await client.messagesUntil(type)));
  };
  say(query("create temporary table copied (t text)"));
  await hear();
  if (mode === "passthrough" || mode === "session") {
    say(query("copy copied from stdin"));
    await hear("G");
    for (let index = 0; index < 50; index++) {
      say(frontendMessage("d", `${"x".repeat(100_000)}\n`));
    }
    say(frontendMessage("c", ""));
    await hear();
  }
  const piece = "select repeat('x', 1000) from generate_series(1, 8000)";
  say(batch("select 1"), query(piece), batch("select 1/0"), query(`copy (${piece}) to stdout`));
  for (let index = 0; index < 4; index++) await hear();
  say(...Array.from({ length: 100 }, (_, index) => batch(`select ${index}`)));
  for (let index = 0; index < 100; index++) await hear();
  say(terminate());
  await waitFor("the session to be over", () => isClosed);
  expect([mostAtOnce, underWay]).toEqual([1, { OnTrafficToServer: 0, OnTrafficToClient: 0 }]);
  const [, ...requests] = told.OnTrafficToServer;
  expect(Buffer.concat(requests).equals(Buffer.concat(said))).toBe(true);
  const answers = Buffer.concat(told.OnTrafficToClient);
  expect(answers.equals(Buffer.concat(heard.map(bytesOf)))).toBe(true);
  expect(unpaired).toEqual([]);
}

describe.each(HOOK_MODES)("in mode %s", (mode) => {
  test("handlers are told of all that was sent", async () => await converse(mode, "0"));

  test("handlers are told of all that was sent, one unit at a time", async () =>
    await converse(mode, "30s"));
});
