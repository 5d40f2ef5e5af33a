import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { serialize } from "pg-protocol";
import { frontendMessage, waitFor } from "../../kit/index.ts";
import { batch, query, type RuleSession } from "./rule-session.ts";
import { type RuleStage, startRuleStage } from "./rule-stage.ts";

const MODES = ["passthrough", "session", "transaction", "statement"] as const;
type Mode = (typeof MODES)[number];
const POOLED = ["session", "transaction", "statement"] as const;

let stage: RuleStage<Mode | "impatient" | "narrow">;

beforeAll(async () => {
  stage = await startRuleStage({
    passthrough: {},
    session: { pool: { mode: "session" } },
    transaction: { pool: { mode: "transaction" } },
    statement: { pool: { mode: "statement" } },
    impatient: { pool: { mode: "transaction" }, server: { idleInTransactionTimeout: "200ms" } },
    narrow: { pool: { mode: "transaction" }, server: { maxPendingUnits: 4 } },
  });
  await stage.rows("create table numbers (x int)");
}, 60_000);

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** A query of so many bytes whose answer is the word. */
function largeQuery(bytes: number, word = "large"): Buffer {
  return query(`select '${word}' /* ${"x".repeat(bytes)} */`);
}

/** The pool's only backend is whole, and whoever comes next can use it. */
async function expectUsable(mode: Mode | "impatient" | "narrow"): Promise<void> {
  await using next = await stage.session(mode);
  const first = await next.ask("select 'usable'");
  expect(first).toMatchObject({ tags: "TDCZ", rows: [["usable"]] });
  expect(await next.value("select 'still usable'")).toBe("still usable");
}

describe("1: what is put into a stream goes out at a boundary", () => {
  test.each(["passthrough", "transaction"] as const)(
    "1: in %s mode nothing follows a message that the server broke off",
    async (mode) => {
      await using client = await stage.session(mode);
      const pid = await client.backend();
      client.wire.pause();
      client.send(query("select repeat('x', 30000000)"));
      await stage.untilServer(`wait_event = 'ClientWrite' and pid = ${pid}`);
      await stage.terminate(pid);
      client.wire.resume();
      expect((await client.wire.message()).type).toBe("T");
      await client.wire.ended();
      const tail = client.wire.received;
      expect(tail.toString("latin1", 0, 1)).toBe("D");
      expect(tail.length).toBeLessThan(30_000_000);
      expect(tail.includes("57P01") || tail.includes("08006")).toBe(false);
    },
  );

  test.each(POOLED)(
    "1: in %s mode a violation costs the backend, not the next client",
    async (mode) => {
      for (const garbage of ["lastval() in a part", "no message"]) {
        await using client = await stage.session(mode);
        // What has gone to the server is the beginning of a message that never ends.
        if (garbage === "no message") client.send(query("select 1"), frontendMessage("\x7f", "x"));
        else client.send(query(`select lastval() /* ${"x".repeat(150_000)} */`));
        if (mode === "session" && garbage !== "no message") {
          // A session with a backend of its own may ask.
          expect((await client.answer()).error).toBe("55000");
          continue;
        }
        const code = garbage === "no message" ? "08P01" : "0A000";
        expect((await client.wire.errorResponse()).code).toBe(code);
        await expectUsable(mode);
      }
    },
  );
});

describe("2: the end of a unit is where the server says it is", () => {
  const copyIn = [query("copy numbers from stdin"), serialize.copyData(Buffer.from("1\n"))];
  const conversations: Readonly<Record<string, readonly Uint8Array[]>> = {
    "a Query behind a failed Parse is void": [
      serialize.parse({ text: "nonsense" }),
      query("select 1"),
      serialize.sync(),
    ],
    "a Query behind a Parse ends its batch": [
      serialize.parse({ text: "select 1" }),
      query("select 2"),
      serialize.sync(),
    ],
    "an error voids all up to the Sync": [
      serialize.parse({ text: "select 1/0" }),
      serialize.bind(),
      serialize.execute(),
      serialize.flush(),
      serialize.parse({ text: "select 2" }),
      serialize.close({ type: "S", name: "" }),
      serialize.sync(),
      batch("select 3"),
    ],
    "a COPY is one unit with its data": [...copyIn, serialize.copyDone()],
    "a COPY is given up": [...copyIn, serialize.copyFail("enough")],
    "Syncs and Flushes inside a COPY count for nothing": [
      ...copyIn,
      serialize.sync(),
      serialize.flush(),
      serialize.sync(),
      serialize.copyDone(),
    ],
    "an extended COPY has two Syncs and one end": [
      serialize.parse({ text: "copy numbers from stdin" }),
      serialize.bind(),
      serialize.execute(),
      serialize.sync(),
      serialize.copyData(Buffer.from("2\n")),
      serialize.copyDone(),
      serialize.sync(),
    ],
    "data behind a COPY that failed are dropped": [
      query("copy numbers from stdin"),
      serialize.copyData(Buffer.from("not a number\n")),
      serialize.copyData(Buffer.from("3\n")),
      serialize.copyDone(),
    ],
    "data without any COPY are dropped": [
      serialize.copyData(Buffer.from("4\n")),
      serialize.copyDone(),
      serialize.copyFail(""),
    ],
    "Syncs alone are answered": [serialize.sync(), serialize.sync(), query(""), serialize.sync()],
    "a FunctionCall is a unit": [
      // pg_backend_pid(), of object id 2026, whose answer is dropped below.
      frontendMessage("F", Buffer.from([0, 0, 7, 234, 0, 0, 0, 0, 0, 0])),
    ],
  };

  /** The tags of all answers up to that of a last query. */
  async function tagsOf(client: RuleSession, messages: readonly Uint8Array[]): Promise<string> {
    client.send(...messages, query("select 'the end'"));
    let tags = "";
    for (;;) {
      const answer = await client.answer();
      tags += answer.tags;
      if (answer.rows[0]?.[0] === "the end") return tags;
    }
  }

  test.each(Object.keys(conversations))("2: %s, in every mode as at the server", async (name) => {
    const messages = conversations[name] ?? [];
    await using direct = await stage.direct();
    const expected = await tagsOf(direct, messages);
    for (const mode of MODES) {
      await using client = await stage.session(mode);
      expect(`${mode}: ${await tagsOf(client, messages)}`).toBe(`${mode}: ${expected}`);
      // Cut off at every message: each is seen alone.
      for (const message of messages) client.send(message);
      expect(await tagsOf(client, [])).toBe(expected);
      await client.leave();
    }
  });
});

describe("3: a lease begins with a whole unit", () => {
  test("3: an open batch leases nothing before its Sync", async () => {
    await using client = await stage.session("transaction");
    client.send(batch("select 'batch'").subarray(0, -1));
    await expectUsable("transaction");
    expect(client.wire.received.length).toBe(0);
    client.send(serialize.sync().subarray(-1));
    expect(await client.answer()).toMatchObject({ tags: "12DCZ", rows: [["batch"]] });
  });

  test.each(["Flush", "64 KiB"])(
    "3: %s leases, and what it leads is not mixed with others",
    async (how) => {
      await using client = await stage.session("transaction");
      await using other = await stage.session("transaction");
      const insert = [
        serialize.parse({ text: "insert into numbers values (-1)" }),
        serialize.bind(),
        serialize.execute(),
      ];
      const parse = serialize.parse({ text: `nonsense ${"x".repeat(100_000)}` });
      if (how === "Flush") client.send(...insert, serialize.flush());
      else client.send(...insert, parse.subarray(0, 80_000));
      await stage.untilServer(
        how === "Flush" ? "query like 'insert%(-1)'" : "backend_xid is not null",
      );
      other.send(query("select count(*) from numbers where x = -1"));
      // The insert is rolled back: only in the middle of the batch could anybody see it.
      client.send(how === "Flush" ? parse : parse.subarray(80_000), serialize.sync());
      expect(await client.answer()).toMatchObject({ tags: "12CEZ", error: "42601" });
      expect(await other.answer()).toMatchObject({ rows: [["0"]] });
    },
  );

  test("3: a lone Sync needs no backend", async () => {
    await using holder = await stage.session("transaction");
    await using client = await stage.session("transaction");
    await holder.ask("begin");
    expect(await client.ask(serialize.sync(), serialize.flush())).toMatchObject({ tags: "Z" });
    expect((await holder.ask("rollback")).tags).toBe("CZ");
  });

  test.each([1, 3, 5, 30])(
    "3: a lease does not end %d bytes into the next message",
    async (bytes) => {
      await using client = await stage.session("transaction");
      await using other = await stage.session("transaction");
      const second = query("select 'second'");
      client.send(query("select 'first'"), second.subarray(0, bytes));
      expect(await client.answer()).toMatchObject({ tags: "TDCZ", rows: [["first"]] });
      other.send(query("select 'other'"));
      client.send(second.subarray(bytes));
      expect(await client.answer()).toMatchObject({ tags: "TDCZ", rows: [["second"]] });
      expect(await other.answer()).toMatchObject({ tags: "TDCZ", rows: [["other"]] });
      expect(await client.value("select 'third'")).toBe("third");
    },
  );

  test("3: who holds a backend for an open batch and is silent is idle in a transaction", async () => {
    await using client = await stage.session("impatient");
    client.send(serialize.parse({ text: "select 1" }), serialize.flush());
    expect(await client.fatal()).toBe("25P03");
    await expectUsable("impatient");
  });

  test("3: who holds a backend for a part of a large message is, too", async () => {
    await using client = await stage.session("impatient");
    client.send(largeQuery(200_000).subarray(0, 150_000));
    await waitFor("the end", () => client.wire.hasEnded);
    expect(await client.fatal()).toBe("25P03");
  });
});

describe("3: a client is read from again", () => {
  /** Large enough to have its sender paused while it waits. */
  const LARGE = 300_000;

  async function expectReadOn(client: RuleSession, answers: number): Promise<void> {
    for (let round = 0; round < answers; round++) {
      expect(await client.answer()).toMatchObject({ tags: "TDCZ", rows: [["large"]] });
    }
    expect(await client.ask(largeQuery(LARGE, "more"))).toMatchObject({ rows: [["more"]] });
    expect(await client.value("select 'again'")).toBe("again");
  }

  test("3: after it has waited for a backend", async () => {
    await using holder = await stage.session("transaction");
    await using client = await stage.session("transaction");
    await holder.ask("begin");
    client.send(largeQuery(LARGE), largeQuery(LARGE), largeQuery(LARGE));
    await holder.ask("commit");
    await expectReadOn(client, 3);
  });

  test("3: after the server was asked what is set", async () => {
    await using client = await stage.session("transaction");
    {
      await using _lock = await stage.lock("pg_settings");
      expect(await client.ask("set work_mem = '1MB'")).toMatchObject({ tags: "CZ" });
      await stage.untilServer("wait_event_type = 'Lock' and query like '%pg_settings%'");
      client.send(largeQuery(LARGE), largeQuery(LARGE));
    }
    await expectReadOn(client, 2);
    expect(await client.value("show work_mem")).toBe("1MB");
  });

  test("3: after the server was brought to its settings", async () => {
    await using client = await stage.session("transaction");
    await client.ask("set default_tablespace = pg_default");
    await expectUsable("transaction");
    {
      await using _lock = await stage.lock("pg_tablespace");
      client.send(largeQuery(LARGE), largeQuery(LARGE));
      await stage.untilServer("wait_event_type = 'Lock' and query like '%default_tablespace%'");
    }
    await expectReadOn(client, 2);
  });

  test("3: after more units than may be pending", async () => {
    await using client = await stage.session("narrow");
    const units = Array.from({ length: 50 }, (_, unit) => query(`select ${unit}`));
    for (const unit of units) client.send(unit);
    for (const unit of units.keys()) {
      expect(await client.answer()).toMatchObject({ rows: [[String(unit)]] });
    }
    expect(await client.value("select 'again'")).toBe("again");
    await expectUsable("narrow");
  });
});

describe("3: what comes while the server is asked what is set", () => {
  /** Sends messages in that time; the SET itself has been answered. */
  async function whileAsked(
    client: RuleSession,
    send: (client: RuleSession) => Promise<unknown>,
  ): Promise<void> {
    await using _lock = await stage.lock("pg_settings");
    await client.ask("set datestyle to german");
    await stage.untilServer("wait_event_type = 'Lock' and query like '%pg_settings%'");
    await send(client);
  }

  test.each<[string, readonly Uint8Array[], string]>([
    ["a Query", [query("show datestyle")], "TDCZ"],
    ["two in one write", [query("select 1"), query("show datestyle")], "TDCZTDCZ"],
    ["a batch", [batch("show datestyle")], "12DCZ"],
    ["a Sync", [serialize.sync()], "Z"],
    ["Syncs around a Query", [serialize.sync(), query("select 1"), serialize.sync()], "ZTDCZZ"],
    ["another SET", [query("set work_mem = '1MB'"), query("show work_mem")], "CZTDCZ"],
    ["a transaction", [query("begin"), query("commit")], "CZCZ"],
  ])("3: %s is answered", async (_, messages, expected) => {
    await using client = await stage.session("transaction");
    await whileAsked(client, async () => client.send(...messages));
    let tags = "";
    while (tags.length < expected.length) tags += (await client.answer()).tags;
    // The client of another date style is told so, in front of its answer.
    expect(tags.replaceAll("S", "")).toBe(expected);
    expect(await client.value("show datestyle")).toBe("German, DMY");
    await using other = await stage.session("transaction");
    expect(await other.value("show datestyle")).toBe("ISO, MDY");
  });

  test("3: half a Query waits for its other half", async () => {
    await using client = await stage.session("transaction");
    const show = query("show datestyle");
    await whileAsked(client, async () => client.send(show.subarray(0, 9)));
    await expectUsable("transaction");
    client.send(show.subarray(9));
    expect((await client.answer()).rows).toEqual([["German, DMY"]]);
  });

  test("3: a goodbye gives the backend back", async () => {
    await using client = await stage.session("transaction");
    await whileAsked(client, async () => client.send(serialize.end()));
    await client.wire.ended();
    await expectUsable("transaction");
  });

  test("3: a client that is gone gives the backend back", async () => {
    await using client = await stage.session("transaction");
    await whileAsked(client, async () => await client[Symbol.asyncDispose]());
    await using next = await stage.session("transaction");
    expect(await next.value("show datestyle")).toBe("ISO, MDY");
  });

  test("3: a Sync cut inside its header is answered when the lease is over", async () => {
    await using client = await stage.session("transaction");
    await whileAsked(client, async () => client.send(serialize.sync().subarray(0, 2)));
    await expectUsable("transaction");
    client.send(serialize.sync().subarray(2));
    expect((await client.answer()).tags).toBe("Z");
    expect(await client.value("show datestyle")).toBe("German, DMY");
  });

  test("3: a Sync cut inside its header is answered when the lease goes on", async () => {
    await using other = await stage.session("session");
    await using client = await stage.session("transaction");
    await client.ask("listen news");
    await whileAsked(client, async () => client.send(serialize.sync().subarray(0, 2)));
    await stage.untilServer("state <> 'idle'", 0);
    // The gateway has read the server's answer when it has been busy twice with what came later.
    for (let round = 0; round < 2; round++) await other.ask(serialize.sync());
    client.send(serialize.sync().subarray(2));
    await waitFor("the answer", () => client.wire.received.length >= 6);
    expect((await client.answer()).tags).toBe("Z");
    expect(await client.value("show datestyle")).toBe("German, DMY");
  });
});

describe("4: answers of the gateway come in their place", () => {
  test("4: Syncs behind a Query are answered behind it", async () => {
    await using client = await stage.session("transaction");
    client.send(query("select pg_sleep(0.05)"), serialize.sync(), serialize.sync());
    expect((await client.answer()).tags).toBe("TDCZ");
    expect((await client.answer()).tags).toBe("Z");
    expect((await client.answer()).tags).toBe("Z");
  });

  test("4: a refusal comes behind the answers that are owed", async () => {
    await using client = await stage.session("transaction");
    client.send(query("select 'first'"), query("select lastval()"));
    expect(await client.answer()).toMatchObject({ rows: [["first"]] });
    expect(await client.answer()).toMatchObject({ tags: "EZ", error: "0A000" });
  });
});
