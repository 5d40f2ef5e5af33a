import { describe, expect, test } from "bun:test";
import { MultiplexedKit } from "../../tests/fixtures/multiplexed.ts";
import { RecordingWatch } from "../../tests/fixtures/recording-watch.ts";
import { SessionKit } from "../../tests/fixtures/session.ts";
import { backend, frontend, message, opening } from "../../tests/fixtures/wire/index.ts";
import { errorResponse } from "../postgres/index.ts";

const READY = message("Z", Buffer.from("I"));
const IN_TRANSACTION = message("Z", Buffer.from("T"));
const MISSING = errorResponse({ severity: "ERROR", sqlState: "42P01", message: "no such table" });
const COMPLETE = message("C", "SELECT 3");

async function shared(size = 1): Promise<{ kit: MultiplexedKit; watch: RecordingWatch }> {
  const watch = new RecordingWatch();
  return { watch, kit: await new MultiplexedKit({ size, watch }).fill() };
}

async function alone(): Promise<{ kit: SessionKit; watch: RecordingWatch }> {
  const watch = new RecordingWatch();
  return { watch, kit: await new SessionKit({ watch }).logIn() };
}

describe("a session with a backend of its own tells", () => {
  test("when it comes, gets its backend, is logged in and goes", async () => {
    const { kit, watch } = await alone();
    await kit.expectClean();
    expect(watch.events).toEqual(["opened", "at once", "logged in", "closed"]);
  });

  test("what a unit was and came to, and how long it took", async () => {
    const { kit, watch } = await alone();
    await kit.say(frontend.query("select x"));
    await kit.pass(40);
    await kit.answer(MISSING, READY);
    await kit.say(frontend.query("select y"));
    await kit.answer(COMPLETE, READY);
    expect(watch.units).toMatchObject([
      { kind: "query", text: "select x", sqlState: "42P01", tookMs: 40, transactionStatus: 0x49 },
      { kind: "query", text: "select y", commandTag: "SELECT 3", rows: 3, sqlState: undefined },
    ]);
    expect(watch.units[0]).toMatchObject({
      requestBytes: frontend.query("select x").length,
      answerBytes: MISSING.length + READY.length,
    });
    await kit.expectClean();
  });

  test("the same wherever an answer is cut", async () => {
    const { kit, watch } = await alone();
    const answer = Buffer.concat([MISSING, COMPLETE, READY]);
    for (let at = 1; at < answer.length; at++) {
      await kit.say(frontend.query("select x"));
      await kit.answer(answer.subarray(0, at), answer.subarray(at));
    }
    expect(watch.units).toHaveLength(answer.length - 1);
    for (const unit of watch.units) {
      expect(unit).toMatchObject({ sqlState: "42P01", commandTag: "SELECT 3", rows: 3 });
    }
    await kit.expectClean();
  });

  test("what is asked to whoever wants to look, and afterwards only then what became of it", async () => {
    const { kit, watch } = await alone();
    watch.isLooking = false;
    await kit.say(frontend.query("select x"));
    await kit.answer(COMPLETE, READY);
    expect(watch.events).toContain("began select x");
    expect(watch.units).toMatchObject([{ text: undefined, commandTag: undefined }]);
    watch.isLooking = true;
    await kit.say(frontend.query("select y"));
    await kit.answer(COMPLETE, COMPLETE, READY);
    expect(watch.units.at(-1)).toMatchObject({ text: "select y", commandTag: "SELECT 3" });
    await kit.expectClean();
  });

  test("what is asked in whatever pieces it comes", async () => {
    const { kit, watch } = await alone();
    const query = frontend.query("select 'in pieces'");
    for (let at = 1; at < query.length; at++) {
      await kit.say(query.subarray(0, at));
      await kit.say(query.subarray(at));
      await kit.answer(COMPLETE, READY);
    }
    expect(watch.units).toHaveLength(query.length - 1);
    for (const unit of watch.units) {
      const requestBytes = query.length;
      expect(unit).toMatchObject({ kind: "query", text: "select 'in pieces'", requestBytes });
    }
    await kit.say(frontend.flush());
    await kit.say(frontend.query("select x"));
    await kit.answer(COMPLETE, READY);
    expect(watch.units.at(-1)).toMatchObject({ kind: "query", text: "select x" });
    await kit.expectClean();
  });

  test("of units in a row each by itself, from where the one before was answered", async () => {
    const { kit, watch } = await alone();
    await kit.say(frontend.query("select 1"), frontend.query("select 2"), frontend.query("begin"));
    await kit.pass(10);
    await kit.answer(COMPLETE, READY);
    await kit.pass(20);
    await kit.answer(MISSING, READY, COMPLETE, IN_TRANSACTION);
    expect(watch.units.map(({ tookMs }) => tookMs)).toEqual([10, 20, 0]);
    expect(watch.units.map(({ sqlState }) => sqlState)).toEqual([undefined, "42P01", undefined]);
    expect(watch.units.map(({ transactionStatus }) => transactionStatus)).toEqual([73, 73, 84]);
    await kit.expectClean();
  });

  test("of one that is cut off by the gateway, with the reason of the session's end", async () => {
    const { kit, watch } = await alone();
    await kit.say(frontend.query("select 1"));
    kit.session.cut("ERR_SHUTTING_DOWN");
    await kit.expectClean();
    expect(watch.units).toMatchObject([{ sqlState: "57P01", transactionStatus: 0 }]);
    expect(watch.events.slice(-4)).toEqual([
      "ended 0",
      "cancel",
      "ended ERR_SHUTTING_DOWN",
      "closed",
    ]);
  });

  test("why it was refused", async () => {
    const watch = new RecordingWatch();
    const kit = await new SessionKit({ watch, admission: "overLimit" }).start();
    await kit.say(opening.startup());
    await kit.expectClean();
    expect(watch.events).toEqual(["opened", "refused ERR_TOO_MANY_CLIENTS", "closed"]);
  });
});

describe("a session that shares its backends tells", () => {
  test("that it had a backend at once, and what became of its unit", async () => {
    const { kit, watch } = await shared();
    const client = kit.client();
    await kit.say(client, frontend.query("vacuum"));
    await kit.pass(7);
    await kit.answer(kit.at(), COMPLETE, READY);
    expect(watch.events).toEqual(["began vacuum", "at once", "ended I"]);
    expect(watch.units).toMatchObject([{ tookMs: 7, commandTag: "SELECT 3", sqlState: undefined }]);
    await kit.expectClean();
  });

  test("how long it waited for one, which is a part of how long its unit took", async () => {
    const { kit, watch } = await shared();
    const [first, second] = kit.clients(2);
    if (first === undefined || second === undefined) throw new Error("two clients");
    await kit.say(first, frontend.query("vacuum"));
    await kit.say(second, frontend.query("analyze"));
    await kit.pass(30);
    await kit.answer(kit.at(), COMPLETE, READY);
    await kit.pass(5);
    await kit.answer(kit.at(), COMPLETE, READY);
    expect(watch.events).toEqual([
      "began vacuum",
      "at once",
      "began analyze",
      "ended I",
      "waited",
      "ended I",
    ]);
    expect(watch.units.map(({ tookMs }) => tookMs)).toEqual([30, 35]);
    await kit.expectClean();
  });

  test("what is asked in whatever pieces it comes", async () => {
    const { kit, watch } = await shared();
    const client = kit.client();
    const begin = frontend.query("begin");
    const query = frontend.query("select 'in pieces'");
    for (const status of [READY, IN_TRANSACTION]) {
      if (status === IN_TRANSACTION) {
        await kit.say(client, begin);
        await kit.answer(kit.at(), COMPLETE, status);
      }
      watch.units.length = 0;
      for (let at = 1; at < query.length; at++) {
        await kit.say(client, query.subarray(0, at));
        await kit.say(client, query.subarray(at));
        await kit.answer(kit.at(), COMPLETE, status);
      }
      expect(watch.units).toHaveLength(query.length - 1);
      for (const unit of watch.units) {
        expect(unit).toMatchObject({ kind: "query", text: "select 'in pieces'" });
      }
    }
    await kit.say(client, frontend.query("commit"));
    await kit.answer(kit.at(), COMPLETE, READY);
    await kit.expectClean();
  });

  test("which units went behind those of others", async () => {
    const { kit, watch } = await shared();
    const [first, second] = kit.clients(2);
    if (first === undefined || second === undefined) throw new Error("two clients");
    await kit.say(first, frontend.query("select 1"));
    await kit.say(second, frontend.query("select 2"));
    await kit.answer(kit.at(), COMPLETE, READY, COMPLETE, READY);
    expect(watch.units.map(({ isMultiplexed }) => isMultiplexed)).toEqual([false, true]);
    await kit.expectClean();
  });

  test("each unit of a transaction, and the waiting of the first alone", async () => {
    const { kit, watch } = await shared();
    const client = kit.client();
    for (const [text, status] of [
      ["begin", IN_TRANSACTION],
      ["insert", IN_TRANSACTION],
      ["commit", READY],
    ] as const) {
      await kit.say(client, frontend.query(text));
      await kit.answer(kit.at(), COMPLETE, status);
    }
    expect(watch.events).toEqual([
      "began begin",
      "at once",
      "ended T",
      "began insert",
      "ended T",
      "began commit",
      "ended I",
    ]);
    await kit.expectClean();
  });

  test("what is asked to whoever wants to look, and afterwards only then what became of it", async () => {
    const { kit, watch } = await shared();
    const client = kit.client();
    watch.isLooking = false;
    await kit.say(client, frontend.query("vacuum"));
    await kit.answer(kit.at(), COMPLETE, READY);
    expect(watch.events).toContain("began vacuum");
    expect(watch.units).toMatchObject([{ text: undefined, commandTag: undefined }]);
    watch.isLooking = true;
    await kit.say(client, frontend.query("analyze"));
    await kit.answer(kit.at(), message("C", "ANALYZE"), READY);
    expect(watch.units.at(-1)).toMatchObject({ text: "analyze", commandTag: "ANALYZE", rows: 0 });
    await kit.expectClean();
  });

  test("whether a backend knew its prepared statements", async () => {
    const { kit, watch } = await shared(2);
    const client = kit.client();
    const blocker = kit.client();
    const run = Buffer.concat([frontend.bind("", "s1"), frontend.execute(), frontend.sync()]);
    await kit.say(client, frontend.parse("select 1", "s1"), frontend.sync());
    await kit.answer(kit.at(1), backend.parseComplete(), READY);
    await kit.say(client, run);
    await kit.answer(kit.at(1), backend.bindComplete(), COMPLETE, READY);
    // The other backend does not know it.
    await kit.say(blocker, frontend.query("begin"));
    await kit.answer(kit.at(1), COMPLETE, IN_TRANSACTION);
    await kit.say(client, run);
    await kit.answer(kit.at(0), backend.parseComplete(), backend.bindComplete(), COMPLETE, READY);
    const own = watch.units.filter(({ text }) => text === "select 1");
    expect(own.map(({ preparedHits }) => preparedHits)).toEqual([0, 1, 0]);
    expect(own.map(({ preparedMisses }) => preparedMisses)).toEqual([0, 0, 1]);
    await kit.expectClean();
  });

  test("of one that is cancelled in the queue", async () => {
    const { kit, watch } = await shared();
    const blocker = kit.client();
    const client = kit.client();
    await kit.say(blocker, frontend.query("begin"));
    await kit.answer(kit.at(), COMPLETE, IN_TRANSACTION);
    await kit.say(client, frontend.query("vacuum"));
    await client.session.cancel();
    expect(watch.units.at(-1)).toMatchObject({ text: "vacuum", sqlState: "57014" });
    expect(watch.events.slice(-2)).toEqual(["failed 57014", "ended I"]);
    await kit.expectClean();
  });
});
