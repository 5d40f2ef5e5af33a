import { beforeEach, describe, expect, test } from "bun:test";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { Recorder } from "../../tests/fixtures/recorder.ts";
import { backend as words } from "../../tests/fixtures/wire/index.ts";
import { GatewayError } from "../errors.ts";
import { memoryPair, TimerWheel } from "../net/index.ts";
import type { MemoryConnection } from "../net/index.ts";
import { PooledBackend, USER_QUERY_LIMIT_MS, UserQuery } from "./index.ts";

let clock: FakeClock;
let query: UserQuery;
/** The server's ends of all connections, and what was heard there. */
let servers: { readonly connection: MemoryConnection; readonly heard: Recorder }[];
/** What a dial fails of. */
let refusal: GatewayError | undefined;

beforeEach(() => {
  clock = new FakeClock();
  const timers = new TimerWheel(clock);
  servers = [];
  refusal = undefined;
  query = new UserQuery({
    sql: "select $1",
    timers,
    connect: async () => {
      await Promise.resolve();
      if (refusal !== undefined) throw refusal;
      const [connection, server] = memoryPair();
      const heard = new Recorder();
      heard.onEnd = () => server.close();
      server.handler = heard;
      servers.push({ connection: server, heard });
      return new PooledBackend({
        opened: { connection, address: { kind: "unix", path: "/nowhere" } },
        login: {
          parameters: new Map(),
          keyData: undefined,
          protocolVersion: 0x3_0000,
          unrecognizedOptions: [],
          notices: [],
          method: "trust",
        },
        block: "writes",
        timers,
      });
    },
  });
});

/** Outcomes in the order they come. */
function asking(...names: readonly string[]): string[] {
  const outcomes: string[] = [];
  for (const name of names) {
    query.ask(name, name.startsWith("stranger")).then(
      (user) => outcomes.push(user?.name ?? "nobody"),
      (error: GatewayError) => outcomes.push(error.code),
    );
  }
  return outcomes;
}

/** What is asked now: the last name that was heard. */
async function asked(): Promise<string | undefined> {
  await settle();
  const heard = Buffer.from(servers.at(-1)?.heard.take() ?? []).toString("latin1");
  return /([a-z]+\d*)\0\0E/.exec(heard)?.[1];
}

/** The server answers what it was asked. */
async function answer(name: string | undefined): Promise<void> {
  const rows = name === undefined ? [] : [words.dataRow(name, "secret")];
  const parts = [words.parseComplete(), words.bindComplete(), ...rows];
  servers
    .at(-1)
    ?.connection.write(Buffer.concat([...parts, words.commandComplete("SELECT"), words.ready()]));
  await settle();
}

describe("a query about users", () => {
  test("asks one after the other on one connection, those that are known first", async () => {
    const outcomes = asking("anna", "stranger1", "bert");
    expect(await asked()).toBe("anna");
    await answer("anna");
    expect(await asked()).toBe("bert");
    await answer("bert");
    expect(await asked()).toBe("stranger1");
    await answer("stranger1");
    expect(outcomes).toEqual(["anna", "bert", "stranger1"]);
    expect(servers).toHaveLength(1);
  });

  test("pauses after many strangers that nobody knows, for strangers alone", async () => {
    const outcomes = asking(...Array.from({ length: 103 }, (_, index) => `stranger${index}`));
    for (let count = 0; count < 101; count++) {
      expect(await asked()).toBe(`stranger${count}`);
      await answer(undefined);
    }
    expect(await asked()).toBeUndefined();
    const known = asking("anna");
    expect(await asked()).toBe("anna");
    await answer("anna");
    expect([known, outcomes.length]).toEqual([["anna"], 101]);
    clock.advance(20);
    expect(await asked()).toBe("stranger101");
    await answer("stranger101");
    expect(outcomes.at(-1)).toBe("stranger101");
    expect(await asked()).toBe("stranger102");
  });

  test("knows how long the server takes, whatever else there is to wait for", async () => {
    expect(query.usualMs).toBe(0);
    asking("anna", "bert", "carl");
    for (const [name, tookMs] of [
      ["anna", 10],
      ["bert", 20],
    ] as const) {
      await asked();
      clock.advance(tookMs);
      await answer(name);
    }
    expect(query.usualMs).toBe(12);
  });

  test("closes its connection after a rest, and opens another one when it is asked again", async () => {
    asking("anna");
    await asked();
    await answer("anna");
    clock.advance(59_000);
    await settle();
    expect(servers[0]?.connection.isOpen).toBe(true);
    clock.advance(1_010);
    await settle();
    expect(servers[0]?.connection.isOpen).toBe(false);
    const outcomes = asking("anna");
    expect(await asked()).toBe("anna");
    await answer("anna");
    expect([outcomes, servers.length]).toEqual([["anna"], 2]);
  });

  test("asks once more when a connection that rested is lost", async () => {
    asking("anna");
    await asked();
    await answer("anna");
    const outcomes = asking("bert");
    expect(await asked()).toBe("bert");
    servers[0]?.connection.terminate();
    expect(await asked()).toBe("bert");
    await answer("bert");
    expect([outcomes, servers.length]).toEqual([["bert"], 2]);
  });

  test("fails for all that wait when the server cannot be reached, and tries again for the next", async () => {
    refusal = new GatewayError("ERR_SERVER_UNREACHABLE");
    const outcomes = asking("anna", "bert", "stranger1");
    await settle();
    expect(outcomes).toEqual(Array.from({ length: 3 }, () => "ERR_SERVER_UNREACHABLE"));
    refusal = undefined;
    const later = asking("anna");
    expect(await asked()).toBe("anna");
    await answer("anna");
    expect(later).toEqual(["anna"]);
  });

  test("fails for one alone when the statement does", async () => {
    const outcomes = asking("anna", "bert");
    await asked();
    servers[0]?.connection.write(Buffer.concat([words.error("42501"), words.ready()]));
    expect(await asked()).toBe("bert");
    await answer("bert");
    expect(outcomes).toEqual(["ERR_AUTH_LOOKUP", "bert"]);
  });

  test.each([
    ["stays in a transaction", Buffer.concat([words.commandComplete("BEGIN"), words.ready("T")])],
    ["answers what nobody asked", words.copyOut().fill(0x57, 0, 1)],
  ])("gives up a connection that %s", async (_, answered) => {
    const outcomes = asking("anna");
    await asked();
    servers[0]?.connection.write(answered);
    await settle();
    expect(outcomes).toEqual(["ERR_AUTH_LOOKUP"]);
    expect(servers[0]?.connection.isOpen).toBe(false);
  });

  test("waits for a server only so long", async () => {
    const outcomes = asking("anna", "bert");
    await asked();
    clock.advance(USER_QUERY_LIMIT_MS + 10);
    await settle();
    expect(outcomes).toEqual(["ERR_SERVER_TIMEOUT", "ERR_SERVER_TIMEOUT"]);
    expect(servers[0]?.connection.isOpen).toBe(false);
  });

  test("has a limited number that wait", async () => {
    const names = Array.from({ length: 1_002 }, (_, index) => `stranger${index}`);
    const outcomes = asking(...names);
    await settle();
    expect(outcomes).toEqual(["ERR_AUTH_LOOKUP"]);
    await query.close();
    expect(outcomes).toHaveLength(1_002);
  });

  test.each(["before anything", "while it asks", "while it rests"])(
    "leaves nothing when it is closed %s",
    async (when) => {
      const outcomes = when === "before anything" ? [] : asking("anna");
      await asked();
      if (when === "while it rests") await answer("anna");
      await query.close();
      await settle();
      expect(servers.some(({ connection }) => connection.isOpen)).toBe(false);
      expect(clock.timerCount).toBe(0);
      const expected = when === "while it rests" ? "anna" : "ERR_SHUTTING_DOWN";
      expect(outcomes).toEqual(when === "before anything" ? [] : [expected]);
      const late = asking("anna");
      await settle();
      expect(late).toEqual(["ERR_SHUTTING_DOWN"]);
    },
  );
});
