import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { serialize } from "pg-protocol";
import {
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";
import { batch, openSession, query, type RuleSession } from "./rules/rule-session.ts";

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function startWith(pool: Readonly<Record<string, unknown>>): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode: "transaction", ...pool },
      server: { auth: { method: "trust" } },
      level: "debug",
    }),
  });
}

/** Pins the session, or is told why not. */
async function listens(session: RuleSession): Promise<string | undefined> {
  return (await session.ask("listen news")).error;
}

describe("sessions that keep their server connection", () => {
  test("are fewer than connections, so that the others are served", async () => {
    await using gatewayd = await startWith({ size: 3, queueTimeout: "1s" });
    const sessions = await Promise.all([1, 2, 3, 4].map(async () => await openSession(gatewayd)));
    const [one, two, three, four] = sessions;
    if (one === undefined || two === undefined || three === undefined || four === undefined) {
      throw new Error("there are four");
    }
    expect(await listens(one)).toBeUndefined();
    expect(await listens(two)).toBeUndefined();
    expect(await listens(three)).toBe("53300");
    expect(await three.value("select 'served'")).toBe("served");
    expect(await four.value("select 'served'")).toBe("served");

    // One that is pinned already may have more.
    expect((await one.ask("create temporary table mine (x int)")).error).toBeUndefined();
    expect(await one.value("select count(*) from mine")).toBe("0");

    // Room is made by giving up what pins, and by leaving.
    await two.ask("unlisten *");
    expect(await listens(three)).toBeUndefined();
    expect(await listens(four)).toBe("53300");
    await one.leave();
    await waitFor("room for another one", async () => (await listens(four)) === undefined);
    for (const session of sessions) await session[Symbol.asyncDispose]();
    await gatewayd.stop();
  });

  test("are logged with the reason", async () => {
    await using gatewayd = await startWith({ size: 2 });
    await using session = await openSession(gatewayd);
    await session.ask("select pg_advisory_lock(1)");
    await waitFor("the line", () =>
      /A session keeps its server connection.*reason="?a session lock/.test(
        gatewayd.process.output(),
      ),
    );
    await gatewayd.stop();
  });
});

describe("a statement that would pin one session too many", () => {
  let gatewayd: GatewaydProcess;

  beforeAll(async () => {
    gatewayd = await startWith({ size: 2, maxPinned: 0 });
  });
  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
  });

  test.each([
    "listen news",
    "create temporary table mine (x int)",
    "declare mine cursor with hold for select 1",
    "select pg_advisory_lock(1)",
    "select 1; listen news",
  ])("is refused with a hint, by either protocol: %s", async (text) => {
    await using session = await openSession(gatewayd);
    session.send(query(text));
    const messages = await session.wire.messagesUntil("Z");
    expect(messages.map(({ type }) => type).join("")).toBe("EZ");
    const error = messages[0]?.body.toString() ?? "";
    expect(error).toContain("SERROR\0VERROR\0C53300\0Mtoo many sessions keep a server connection");
    expect(error).toContain("\0HGive up in other sessions");
    if (!text.includes(";")) {
      const { tags, error: code } = await session.ask(batch(text));
      expect({ tags, code }).toEqual({ tags: "1EZ", code: "53300" });
    }
    expect(await session.value("select 'goes on'")).toBe("goes on");
  });

  test("fails the transaction it is in", async () => {
    await using session = await openSession(gatewayd);
    await session.ask("begin");
    expect((await session.ask("listen news")).error).toBe("53300");
    expect((await session.ask("select 1")).error).toBe("25P02");
    await session.ask("rollback");
    expect(await session.value("select 'goes on'")).toBe("goes on");
  });

  test("stops its batch, and not the one behind it", async () => {
    await using session = await openSession(gatewayd);
    session.send(
      serialize.parse({ text: "select pg_advisory_lock(1)" }),
      serialize.bind(),
      serialize.execute(),
      serialize.parse({ text: "select 1" }),
      serialize.sync(),
      batch("select 2"),
    );
    expect(await session.answer()).toMatchObject({ tags: "1EZ", error: "53300" });
    expect(await session.answer()).toMatchObject({ tags: "12DCZ", rows: [["2"]] });
  });
});
