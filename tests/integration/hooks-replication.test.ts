import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  connectWire,
  frontendMessage,
  type PostgresServer,
  startPostgres,
  type WireClient,
} from "../kit/index.ts";
import { HOOK_MODES, startInMode } from "./hook-modes.ts";
import type { GatewayInProcess } from "./start-gateway.ts";

const LOGICAL = { user: "postgres", database: "postgres", replication: "database" };

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres({ settings: { wal_level: "logical" } });
  await postgres.query(
    "create table watched (x int); create publication watching for table watched",
  );
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

/** How often a hook was called with this in a part of its payload. */
function calls(inside: GatewayInProcess, hook: string, key: string, text: string): number {
  const seen = inside.events.filter(({ hook: name, payload }) => {
    const value = payload[key];
    return name === hook && value instanceof Uint8Array && Buffer.from(value).includes(text);
  });
  return seen.length;
}

async function ask(client: WireClient, text: string): Promise<string> {
  client.query(text);
  return (await client.messagesUntil("Z")).map(({ type }) => type).join("");
}

/** Has an insert streamed, and ends the stream. */
async function stream(client: WireClient, slot: string): Promise<void> {
  expect(await ask(client, `CREATE_REPLICATION_SLOT ${slot} TEMPORARY LOGICAL pgoutput`)).toBe(
    "TDCZ",
  );
  client.query(
    `START_REPLICATION SLOT ${slot} LOGICAL 0/0 (proto_version '1', publication_names 'watching')`,
  );
  await client.messagesUntil("W");
  await postgres.query("insert into watched values (12345)");
  for (;;) {
    const { type, body } = await client.message();
    expect(type).toBe("d");
    if (body.includes("12345")) break;
  }
  client.send(frontendMessage("c", ""));
  await client.messagesUntil("Z");
}

describe.each(HOOK_MODES)("replication in mode %s", (mode) => {
  test("passes handlers, once each", async () => {
    await using inside = await startInMode(mode, postgres.address, { method: "trust" });
    inside.recordAll();
    await using client = await connectWire(inside.target);
    await client.login(LOGICAL);
    expect(await ask(client, "IDENTIFY_SYSTEM")).toBe("TDCZ");
    await stream(client, `recorded_${mode}`);
    expect(await ask(client, "IDENTIFY_SYSTEM")).toBe("TDCZ");
    for (const hook of ["OnTrafficFromClient", "OnTrafficToServer"]) {
      expect(calls(inside, hook, "request", "IDENTIFY_SYSTEM")).toBe(2);
      expect(calls(inside, hook, "request", "START_REPLICATION")).toBe(1);
    }
    for (const hook of ["OnTrafficFromServer", "OnTrafficToClient"]) {
      expect(calls(inside, hook, "response", "systemid")).toBe(2);
      expect(calls(inside, hook, "response", "12345")).toBe(1);
    }
    expect(inside.errors).toEqual([]);
  });

  test("passes handlers that come later", async () => {
    await using inside = await startInMode(mode, postgres.address, { method: "trust" });
    await using client = await connectWire(inside.target);
    await client.login(LOGICAL);
    inside.recordAll();
    await stream(client, `later_${mode}`);
    expect(calls(inside, "OnTrafficFromClient", "request", "START_REPLICATION")).toBe(1);
    expect(calls(inside, "OnTrafficToClient", "response", "12345")).toBe(1);
    expect(inside.errors).toEqual([]);
  });
});
