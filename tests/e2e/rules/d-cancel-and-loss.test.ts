import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { serialize } from "pg-protocol";
import { waitFor } from "../../kit/index.ts";
import { batch, query, type RuleSession } from "./rule-session.ts";
import { type RuleStage, startRuleStage } from "./rule-stage.ts";

const POOLED = ["session", "transaction", "statement"] as const;
type Pooled = (typeof POOLED)[number];

let stage: RuleStage<Pooled | "passthrough" | "pair" | "hopeless">;

beforeAll(async () => {
  stage = await startRuleStage({
    passthrough: { pool: { size: 2 } },
    session: { pool: { mode: "session" } },
    transaction: { pool: { mode: "transaction" } },
    statement: { pool: { mode: "statement" } },
    hopeless: { pool: { mode: "transaction" }, server: { drainTimeout: "100ms" } },
    pair: { pool: { mode: "transaction", size: 2 } },
  });
  await stage.rows("create table numbers (x int)");
}, 60_000);

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** Longer than any test: it ends by being cancelled, or the test fails. */
const ENDLESS = "select pg_sleep(300)";
const IS_ENDLESS = `state = 'active' and query = '${ENDLESS}'`;
const IS_ASKED = "wait_event_type = 'Lock' and query like '%pg_settings%'";
const IS_RESTORED = "wait_event_type = 'Lock' and query like '%default_tablespace%'";

/** Whoever comes next is served, by a server connection without a trace of the one before. */
async function expectServed(mode: Pooled): Promise<void> {
  await using next = await stage.session(mode);
  expect(await next.ask("select 'usable'")).toMatchObject({ tags: "TDCZ", rows: [["usable"]] });
  expect(await next.value("show datestyle")).toBe("ISO, MDY");
  expect(await next.value("select count(*) from numbers")).toBe("0");
  const left = "select count(*) from pg_stat_activity where state like 'idle in transaction%'";
  expect(await next.value(left)).toBe("0");
  await next.leave();
}

/** A process does nothing until this is disposed of. */
function stopped(pid: number): Disposable {
  process.kill(pid, "SIGSTOP");
  return { [Symbol.dispose]: () => void process.kill(pid, "SIGCONT") };
}

/** New connections and cancel requests are not heard until this is disposed of. */
function deafServer(): Disposable {
  return stopped(stage.postgres.pid);
}

describe("14: a cancel request hits its unit alone", () => {
  test("14: a backend that one may still hit is not given to the next client", async () => {
    await using first = await stage.session("transaction");
    const asleep = "select pg_backend_pid(), pg_sleep(2.5)";
    first.send(query(asleep));
    await stage.untilServer(`state = 'active' and query = '${asleep}'`);
    let pid: string | null | undefined;
    {
      using _deaf = deafServer();
      // The kernel takes the request, and nobody closes its connection.
      await using _canceller = await first.requestCancel();
      pid = (await first.answer()).rows[0]?.[0];
    }
    expect(pid).toMatch(/^\d+$/);
    await using next = await stage.session("transaction");
    expect(await next.backend()).not.toBe(pid ?? null);
  });

  test("14: one that comes late does not hit the next client of the backend", async () => {
    await using first = await stage.session("transaction");
    await using second = await stage.session("transaction");
    first.send(query("select pg_sleep(0.1)"));
    await stage.untilServer("state = 'active' and query = 'select pg_sleep(0.1)'");
    {
      using _deaf = deafServer();
      await using _canceller = await first.requestCancel();
      // The request is with the server, which has not read it.
      expect((await first.answer()).tags).toBe("TDCZ");
      second.send(query("select pg_sleep(0.2)"));
      for (let round = 0; round < 20; round++) {
        await stage.untilServer("state = 'active' and query = 'select pg_sleep(0.2)'", 0);
      }
    }
    expect((await second.answer()).tags).toBe("TDCZ");
    expect(await first.value("select 1")).toBe("1");
  });

  test("14: one whose client has left meanwhile does not hit the next client", async () => {
    await using second = await stage.session("transaction");
    {
      await using first = await stage.session("transaction");
      first.send(query("select pg_sleep(0.1)"));
      await stage.untilServer("state = 'active' and query = 'select pg_sleep(0.1)'");
      using _deaf = deafServer();
      await using _canceller = await first.requestCancel();
      expect((await first.answer()).tags).toBe("TDCZ");
      await first[Symbol.asyncDispose]();
      second.send(query("select pg_sleep(0.2)"));
      for (let round = 0; round < 20; round++) {
        await stage.untilServer("state = 'active' and query = 'select pg_sleep(0.2)'", 0);
      }
    }
    expect((await second.answer()).tags).toBe("TDCZ");
  });

  test("14: raced 300 times, none hits a client that did not ask for it", async () => {
    await using first = await stage.session("transaction");
    await using second = await stage.session("transaction");
    let hits = 0;
    for (let round = 0; round < 300; round++) {
      first.send(query("select 1 from pg_sleep(0.0005)"));
      second.send(query("select 2"));
      const cancelling = round % 2 === 0 ? first.cancel() : undefined;
      if ((await first.answer()).error !== undefined) hits++;
      if (round % 2 === 1) void first.cancel();
      expect((await second.answer()).tags).toBe("TDCZ");
      await cancelling;
    }
    // It is a race: some requests win it, and some come too late.
    expect(hits).toBeLessThan(300);
    expect(await second.value("select 3")).toBe("3");
  });

  test("14: one for a client that has nothing to do hits nobody", async () => {
    await using first = await stage.session("transaction");
    await using second = await stage.session("transaction");
    await first.ask("select 1");
    second.send(query("select pg_sleep(0.1)"));
    await stage.untilServer("state = 'active' and query = 'select pg_sleep(0.1)'");
    await first.cancel();
    expect((await second.answer()).tags).toBe("TDCZ");
    await first.ask("select 1");
  });

  test.each([...POOLED, "passthrough"] as const)(
    "14: in %s mode it ends the running query, and what is sent behind it is not hit",
    async (mode) => {
      await using client = await stage.session(mode);
      client.send(query(ENDLESS));
      await stage.untilServer(IS_ENDLESS);
      const cancelled = client.cancel();
      client.send(query("select 'behind'"));
      expect(await client.answer()).toMatchObject({ tags: "TEZ", error: "57014" });
      await cancelled;
      expect(await client.answer()).toMatchObject({ tags: "TDCZ", rows: [["behind"]] });
      await client.leave();
    },
  );

  test("14: a client pinned by a transaction is cancelled inside of it", async () => {
    await using client = await stage.session("transaction");
    await client.ask("begin");
    client.send(query(ENDLESS));
    await stage.untilServer(IS_ENDLESS);
    await client.cancel();
    expect((await client.answer()).error).toBe("57014");
    expect(await client.ask("select 1")).toMatchObject({ error: "25P02" });
    expect((await client.ask("rollback")).tags).toBe("CZ");
  });

  test("14: one of a COPY leaves the client its end", async () => {
    await using client = await stage.session("transaction");
    client.send(query("copy numbers from stdin"));
    await client.wire.messagesUntil("G");
    client.send(serialize.copyData(Buffer.from("1\n")));
    await client.cancel();
    client.send(serialize.copyDone());
    expect((await client.answer()).error).toBe("57014");
    await client.leave();
    await expectServed("transaction");
  });

  test("14: one for a unit that waits for a backend is answered 57014", async () => {
    await using holder = await stage.session("transaction");
    await holder.ask("begin");
    await using client = await stage.session("transaction");
    client.send(query("select 'waiting'"));
    await client.cancel();
    await waitFor("the answer", () => client.wire.received.length > 0);
    expect(await client.answer()).toMatchObject({ tags: "EZ", error: "57014" });
    await holder.ask("rollback");
    expect(await client.value("select 'goes on'")).toBe("goes on");
  });

  test("14: one that waits does not disturb the queue", async () => {
    await using holder = await stage.session("transaction");
    await holder.ask("begin");
    await using client = await stage.session("transaction");
    await using other = await stage.session("transaction");
    client.send(query("select 'client'"));
    other.send(query("select 'other'"));
    await client.cancel();
    expect((await holder.ask("commit")).tags).toBe("CZ");
    expect(await other.answer()).toMatchObject({ tags: "TDCZ", rows: [["other"]] });
  });
});

describe("15: a client that leaves", () => {
  type Step = (client: RuleSession) => Promise<unknown>;
  const close: Step = async (client) => await client[Symbol.asyncDispose]();
  const reset: Step = async (client) => client.wire.reset();
  const terminate: Step = async (client) => client.send(serialize.end());
  /** The server is at work, or cannot go on: a Terminate would wait for it, as it does without us. */
  const AT_WORK: Readonly<Record<string, Step>> = {
    "a query": async (client) => {
      client.send(query(ENDLESS));
      await stage.untilServer(IS_ENDLESS);
    },
    "a batch": async (client) => {
      client.send(batch(ENDLESS));
      await stage.untilServer(IS_ENDLESS);
    },
    "a query of a transaction": async (client) => {
      await client.ask("begin; insert into numbers values (1); set local role pg_monitor");
      client.send(query(ENDLESS));
      await stage.untilServer(IS_ENDLESS);
    },
    "COPY data to the server": async (client) => {
      client.send(query("copy numbers from stdin"));
      await client.wire.messagesUntil("G");
      client.send(serialize.copyData(Buffer.from("1\n")));
    },
    "COPY data from the server": async (client) => {
      client.wire.pause();
      client.send(
        query("copy (select repeat('x', 1000) from generate_series(1, 100000)) to stdout"),
      );
      await stage.untilServer("wait_event = 'ClientWrite'");
    },
    "a result that it does not read": async (client) => {
      client.wire.pause();
      client.send(query("select repeat('x', 1000) from generate_series(1, 100000)"));
      await stage.untilServer("wait_event = 'ClientWrite'");
    },
  };
  /** The server waits for the client. */
  const AT_REST: Readonly<Record<string, Step>> = {
    "a transaction": async (client) =>
      await client.ask("begin; insert into numbers values (1); set datestyle to german"),
    "a failed transaction": async (client) => await client.ask("begin; select 1/0"),
  };
  const IN_TRANSACTION = ["a transaction", "a failed transaction", "a query of a transaction"];

  const cases = POOLED.flatMap((mode) =>
    Object.entries({ ...AT_WORK, ...AT_REST })
      .filter(([moment]) => mode !== "statement" || !IN_TRANSACTION.includes(moment))
      .map(([moment, begin]) => ({ mode, moment, begin })),
  );

  test.each(cases)("15: in $mode mode, in the middle of $moment, leaves no trace", async (each) => {
    const { mode, moment, begin } = each;
    // Who closes a running query has half a second for its answer; once is enough for that.
    const isSlow = moment in AT_WORK && mode !== "transaction";
    const ways = [reset, ...(isSlow ? [] : [close]), ...(moment in AT_REST ? [terminate] : [])];
    for (const leave of ways) {
      await using client = await stage.session(mode);
      await begin(client);
      await leave(client);
      await stage.untilServer(`${IS_ENDLESS} or wait_event = 'ClientWrite'`, 0);
      await expectServed(mode);
    }
  });

  for (const mode of POOLED) {
    test(`15: in ${mode} mode, in the middle of an open batch, commits nothing`, async () => {
      await using client = await stage.session(mode);
      const insert = serialize.parse({ text: "insert into numbers values (1)" });
      client.send(insert, serialize.bind(), serialize.execute(), serialize.flush());
      await client.wire.messagesUntil("C");
      await terminate(client);
      await using next = await stage.session(mode);
      expect(
        await next.value(
          "with gone as (delete from numbers returning x) select count(*) from gone",
        ),
      ).toBe("0");
    });
  }

  test("15: by Terminate in the middle of COPY data is let go", async () => {
    await using client = await stage.session("hopeless");
    await AT_WORK["COPY data to the server"]?.(client);
    await terminate(client);
    await waitFor("the end", () => client.wire.hasEnded);
  });

  test("15: while it waits leaves the queue", async () => {
    for (const leave of [close, reset]) {
      await using holder = await stage.session("transaction");
      await holder.ask("begin");
      await using client = await stage.session("transaction");
      client.send(query("insert into numbers values (1)"));
      await leave(client);
      await holder.ask("rollback");
      await holder.leave();
      await expectServed("transaction");
    }
  });

  test("15: while its settings are restored, or asked for, leaves no trace", async () => {
    for (const leave of [close, reset]) {
      await using client = await stage.session("transaction");
      await client.ask("set default_tablespace = pg_default");
      await expectServed("transaction");
      {
        await using _lock = await stage.lock("pg_tablespace");
        // What was sent ahead of an end of stream counts, as directly.
        client.send(query(leave === reset ? "insert into numbers values (1)" : "select 1"));
        await stage.untilServer(IS_RESTORED);
        await leave(client);
      }
      await expectServed("transaction");
      await using setting = await stage.session("transaction");
      {
        await using _lock = await stage.lock("pg_settings");
        await setting.ask("set datestyle to german");
        await stage.untilServer(IS_ASKED);
        await leave(setting);
      }
      await expectServed("transaction");
    }
  });

  test("15: has what it has finished kept", async () => {
    await using client = await stage.session("transaction");
    client.send(query("insert into numbers values (5)"), serialize.end());
    await client.wire.ended();
    await using next = await stage.session("transaction");
    expect(await next.value("delete from numbers returning x")).toBe("5");
  });

  test("15: inside a transaction does not cost its backend", async () => {
    await using client = await stage.session("transaction");
    const pid = await client.backend();
    await client.ask("begin; insert into numbers values (1); set datestyle to german");
    await client.leave();
    await using next = await stage.session("transaction");
    expect(await next.value("select count(*) from numbers")).toBe("0");
    expect(await next.backend()).toBe(pid);
  });
});

describe("16: a backend that is killed", () => {
  test.each(["transaction", "statement"] as const)(
    "16: in %s mode, with nothing to do, is missed by no session",
    async (mode) => {
      await using client = await stage.session(mode);
      await using other = await stage.session(mode);
      const pid = await client.backend();
      expect(await other.backend()).toBe(pid);
      await stage.terminate(pid);
      expect(await client.backend()).not.toBe(pid);
      expect((await other.ask("select 1")).tags).toBe("TDCZ");
    },
  );

  const QUESTION = "the question what is set";
  const MOMENTS: Readonly<Record<string, (client: RuleSession) => Promise<unknown>>> = {
    "a query": async (client) => {
      client.send(query(ENDLESS));
      await stage.untilServer(IS_ENDLESS);
    },
    "an open batch": async (client) => {
      client.send(serialize.parse({ text: "select 1" }), serialize.flush());
      await client.wire.messagesUntil("1");
    },
    "a COPY": async (client) => {
      client.send(query("copy numbers from stdin"), serialize.copyData(Buffer.from("1\n")));
      await client.wire.messagesUntil("G");
    },
    "a transaction": async (client) =>
      await client.ask("begin; insert into numbers values (1); set datestyle to german"),
    "a failed transaction": async (client) => await client.ask("begin; select 1/0"),
    "a pin": async (client) => await client.ask("listen news"),
    [QUESTION]: async (client) => {
      await using _lock = await stage.lock("pg_settings");
      await client.ask("set datestyle to german");
      await stage.untilServer(IS_ASKED);
      await stage.terminate(await blockedPid());
    },
  };

  async function blockedPid(): Promise<string> {
    const [row] = await stage.rows(
      "select pid from pg_stat_activity where wait_event_type = 'Lock'",
    );
    return String(row?.["pid"]);
  }

  const cases = POOLED.flatMap((mode) =>
    Object.entries(MOMENTS)
      .filter(([moment]) => mode !== "statement" || !moment.endsWith("transaction"))
      .filter(([moment]) => mode !== "session" || moment !== QUESTION)
      .map(([moment, begin]) => ({ mode, moment, begin })),
  );

  test.each(cases)(
    "16: in $mode mode, in the middle of $moment, ends that session alone",
    async ({ mode, moment, begin }) => {
      await using client = await stage.session(mode);
      const pid = await client.backend();
      await begin(client);
      await stage.terminate(pid);
      // Whether the server's own words are passed on to who has no unit there is open.
      const codes = moment === QUESTION ? ["57P01", "08006"] : ["57P01"];
      expect(await client.fatal()).toBeOneOf(codes);
      await expectServed(mode);
    },
  );

  test("16: while settings are restored sends the unit elsewhere", async () => {
    await using client = await stage.session("transaction");
    await client.ask("set default_tablespace = pg_default");
    const pid = await (async () => {
      await using other = await stage.session("transaction");
      return await other.backend();
    })();
    {
      await using _lock = await stage.lock("pg_tablespace");
      client.send(query("show default_tablespace"));
      await stage.untilServer(IS_RESTORED);
      await stage.terminate(pid);
    }
    expect((await client.answer()).rows).toEqual([["pg_default"]]);
  });

  test("16: while settings are restored serves the next client", async () => {
    await using client = await stage.session("transaction");
    await client.ask("set default_tablespace = pg_default");
    await expectServed("transaction");
    {
      await using _lock = await stage.lock("pg_tablespace");
      client.send(query("show default_tablespace"));
      await stage.untilServer(IS_RESTORED);
      await stage.terminate(await blockedPid());
    }
    await expectServed("transaction");
  });

  test("16: while a cancel request is under way serves the next client", async () => {
    await using client = await stage.session("transaction");
    client.send(query(ENDLESS));
    await stage.untilServer(IS_ENDLESS);
    const [row] = await stage.rows(`select pid from pg_stat_activity where ${IS_ENDLESS}`);
    {
      using _deaf = deafServer();
      await using _canceller = await client.requestCancel();
      // Nobody buries the process meanwhile: its end cannot be waited for.
      await stage.rows(`select pg_terminate_backend(${row?.["pid"]})`);
      expect(await client.fatal()).toBe("57P01");
    }
    await expectServed("transaction");
  });

  test("16: with others waiting hands its place to them", async () => {
    await using holder = await stage.session("transaction");
    await using client = await stage.session("transaction");
    const pid = await holder.value("begin; select pg_backend_pid()");
    client.send(query("select 'waited'"));
    await stage.terminate(pid);
    expect(await holder.fatal()).toBe("57P01");
    expect(await client.answer()).toMatchObject({ rows: [["waited"]] });
  });

  test("16: right behind an answer is not told to a session that goes on", async () => {
    await using client = await stage.session("transaction");
    const pid = await client.backend();
    client.send(query("select pg_sleep(0.1)"));
    await stage.untilServer(`state = 'active' and pid = ${pid}`);
    {
      using _asleep = stopped(stage.gatewayd.process.pid);
      await stage.untilServer(`state = 'idle' and pid = ${pid}`);
      await stage.terminate(pid);
    }
    expect((await client.answer()).tags).toBe("TDCZ");
    expect(await client.ask("select 'goes on'")).toMatchObject({ tags: "TDCZ" });
  });
});

describe("16: a restart of the database", () => {
  test.each(["fast", "immediate"] as const)(
    "16: (%s) is survived by who has nothing there",
    async (how) => {
      await using idle = await stage.session("pair");
      await using setting = await stage.session("pair", { application_name: "setting" });
      await setting.ask("set datestyle to german; set my.own = 'kept'");
      await using busy = await stage.session("pair");
      await busy.ask("begin");
      await using running = await stage.session("pair");
      running.send(query(ENDLESS));
      await stage.untilServer(IS_ENDLESS);
      await stage.stopServer(how);
      await stage.startServer();
      for (const lost of [busy, running]) {
        expect(await lost.fatal()).toBeOneOf(["57P01", "57P02", "08006"]);
      }
      expect(await idle.value("select 'goes on'")).toBe("goes on");
      expect(await setting.value("show datestyle")).toBe("German, DMY");
      expect(await setting.value("show my.own")).toBe("kept");
      expect(await setting.value("show application_name")).toBe("setting");
      expect(await idle.value("show datestyle")).toBe("ISO, MDY");
      for (const mode of POOLED) await expectServed(mode);
    },
  );

  test("16: is waited for by who asks meanwhile", async () => {
    await using client = await stage.session("pair");
    await stage.stopServer();
    client.send(query("select 'waited'"));
    await stage.startServer();
    expect(await client.answer()).toMatchObject({ rows: [["waited"]] });
  });
});
