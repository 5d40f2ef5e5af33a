import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { serialize } from "pg-protocol";
import { connectWire } from "../../kit/index.ts";
import { batch, query, type RuleSession } from "./rule-session.ts";
import { type RuleStage, startRuleStage } from "./rule-stage.ts";

const POOLED = ["session", "transaction", "statement"] as const;
type Pooled = (typeof POOLED)[number];

let stage: RuleStage<Pooled | "pair" | "trusting">;

beforeAll(async () => {
  stage = await startRuleStage({
    session: { pool: { mode: "session" } },
    transaction: { pool: { mode: "transaction" } },
    statement: { pool: { mode: "statement" } },
    pair: { pool: { mode: "transaction", size: 2 } },
    trusting: { pool: { mode: "session", resetQuery: "select 1" } },
  });
  await stage.rows(`
    create role limited;
    create role other_login login;
    create schema elsewhere;
    create sequence counter;
    create table numbers (x int);
    create function set_inside(name text, value text) returns void language plpgsql
      as $$ begin perform set_config(name, value, false); end $$`);
}, 60_000);

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** Runs the next client's view of the pool's only backend. */
async function asNext<T>(mode: Pooled, view: (next: RuleSession) => Promise<T>): Promise<T> {
  await using next = await stage.session(mode);
  const seen = await view(next);
  await next.leave();
  return seen;
}

const NONE = "select coalesce(nullif(current_setting('my.own', true), ''), 'none')";

const UNDONE = "begin; savepoint a; set datestyle to german; rollback to a; commit";
const KEPT =
  "begin; set datestyle to german; savepoint a; set datestyle to sql; rollback to a; commit";
const TEMPORARY = "create temporary table mine (x int)";
const HELD_CURSOR = "declare held cursor with hold for select 1";
const LOCK = "select pg_advisory_lock(7)";
const ADVISORY_LOCKS = "select count(*) from pg_locks where locktype = 'advisory'";

describe("5: a session has its own settings, or it does not run", () => {
  /** What a session does, and the question whose answer must be the same before and afterwards. */
  const LEAKS: readonly (readonly [does: string, question: string])[] = [
    ["set datestyle to german", "show datestyle"],
    ["set session statement_timeout = '7s'", "show statement_timeout"],
    ["set time zone 'Asia/Tokyo'", "show timezone"],
    ["set names 'LATIN1'", "show client_encoding"],
    ["set search_path to elsewhere", "show search_path"],
    ["set my.own = 'mine'", NONE],
    ["select set_config('my.own', 'mine', false)", NONE],
    // In a function it is seen if the server reports it.
    ["select set_inside('datestyle', 'german')", "show datestyle"],
    ["do $$ begin perform set_config('my.own', 'mine', false); end $$", NONE],
    ["do $$ begin set my.own = 'mine'; end $$", NONE],
    ["set role limited", "select current_user"],
    ["select set_config('role', 'limited', false)", "select current_user"],
    ["set session authorization limited", "select session_user || current_user"],
    ["set session authorization limited; set role none", "select session_user || current_user"],
    [
      "select set_config('session_authorization', 'limited', false)",
      "select session_user || current_user",
    ],
    ["set session characteristics as transaction read only", "show default_transaction_read_only"],
    [LOCK, ADVISORY_LOCKS],
    ["listen news", "select count(*) from pg_listening_channels()"],
    [TEMPORARY, "select to_regclass('mine')"],
    [HELD_CURSOR, "select count(*) from pg_cursors"],
    ["prepare mine as select 1", "select count(*) from pg_prepared_statements"],
  ];

  test.each(POOLED)("5: what a session of %s mode does is not seen by the next", async (mode) => {
    for (const [does, question] of LEAKS) {
      const before = await asNext(mode, async (next) => await next.value(question));
      for (const send of [query, batch]) {
        // The extended protocol has one statement at a time.
        if (send === batch && does.includes("; ")) continue;
        await using client = await stage.session(mode);
        const { error } = await client.ask(send(does));
        expect(`${does}: ${error}`).toBe(`${does}: undefined`);
        await client.leave();
        const after = await asNext(mode, async (next) => await next.value(question));
        expect(`${does}: ${after}`).toBe(`${does}: ${before}`);
      }
    }
  });

  test("5: sessions that take turns keep what they have set", async () => {
    await using german = await stage.session("transaction", { application_name: "german" });
    await using role = await stage.session("transaction");
    await using plain = await stage.session("transaction", { options: "-c work_mem=2MB" });
    await german.ask("set datestyle to german; set my.own = 'it''s \\ \"mine\"'");
    await role.ask("set role limited");
    for (let round = 0; round < 3; round++) {
      expect(await german.value("show datestyle")).toBe("German, DMY");
      expect(await role.value("select current_user")).toBe("limited");
      expect(await plain.value("show work_mem")).toBe("2MB");
      expect(await german.value("show my.own")).toBe(`it's \\ "mine"`);
      expect(await german.value("select current_user")).toBe("postgres");
      expect(await role.value("show datestyle")).toBe("ISO, MDY");
      expect(await plain.value(NONE)).toBe("none");
      expect(await german.value("show application_name")).toBe("german");
    }
  });

  test.each([
    ["in one Query", "begin; set local datestyle to german; commit"],
    ["rolled back", "begin; set datestyle to german; set my.own = 'mine'; rollback"],
    ["undone by an error", "set datestyle to german; select 1/0"],
  ])("5: a setting %s is nobody's", async (_, text) => {
    await using client = await stage.session("transaction");
    await client.ask(text);
    expect(await client.value("show datestyle")).toBe("ISO, MDY");
    expect(await asNext("transaction", async (next) => await next.value(NONE))).toBe("none");
  });

  test("5: a role that is gone ends its session, and nothing of it runs with other rights", async () => {
    await stage.rows("create role passing");
    await using client = await stage.session("transaction");
    await client.ask("set role passing");
    await asNext("transaction", async (next) => await next.value("select 1"));
    await stage.rows("drop role passing");
    client.send(query("insert into numbers values (1)"));
    expect(await client.fatal()).toBe("22023");
    expect(await stage.rows("select x from numbers")).toEqual([]);
    const user = await asNext(
      "transaction",
      async (next) => await next.value("select current_user"),
    );
    expect(user).toBe("postgres");
  });

  test("5: a startup cannot be another user's", async () => {
    await using client = await connectWire(stage.target("transaction"));
    client.startup({ user: "postgres", database: "postgres", session_authorization: "limited" });
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "0A000" });
  });

  test("5: any number of settings is followed", async () => {
    await using client = await stage.session("transaction");
    const names = Array.from({ length: 101 }, (_, name) => `my.setting_${name}`);
    await client.ask(names.map((name) => `set ${name} = 'mine'`).join("; "));
    const left = names.map((name) => `coalesce(current_setting('${name}', true), '')`).join(" || ");
    const seen = await asNext("transaction", async (next) => await next.value(`select ${left}`));
    await client.ask("discard all");
    expect(seen).toBe("");
  });

  test("5: a prepared SET that is executed again is noticed", async () => {
    await using client = await stage.session("transaction");
    const execute = [
      serialize.bind({ statement: "setting" }),
      serialize.execute(),
      serialize.sync(),
    ];
    const parse = serialize.parse({ name: "setting", text: "set work_mem = '9MB'" });
    expect((await client.ask(parse, ...execute)).error).toBeUndefined();
    await client.ask("reset work_mem");
    expect((await client.ask(Buffer.alloc(0), ...execute)).error).toBeUndefined();
    await client.ask("deallocate all");
    const seen = await asNext("transaction", async (next) => await next.value("show work_mem"));
    await client.ask("reset all");
    expect(seen).toBe("4MB");
  });
});

describe("6: what a session has set is what was committed", () => {
  test.each([
    ["committed", "begin; set datestyle to german; commit", "German, DMY"],
    ["rolled back", "begin; set datestyle to german; rollback", "ISO, MDY"],
    ["behind a savepoint that is undone", UNDONE, "ISO, MDY"],
    ["before a savepoint that is undone", KEPT, "German, DMY"],
    ["local to its transaction", "begin; set local datestyle to german; commit", "ISO, MDY"],
  ])("6: %s", async (_, text, expected) => {
    await using client = await stage.session("transaction");
    for (const statement of text.split("; ")) client.send(query(statement));
    for (const _statement of text.split("; ")) await client.answer();
    expect(await client.value("show datestyle")).toBe(expected);
    const seen = await asNext("transaction", async (next) => await next.value("show datestyle"));
    expect(seen).toBe("ISO, MDY");
    expect(await client.value("show datestyle")).toBe(expected);

    await using other = await stage.session("transaction");
    await other.ask(text);
    expect(await other.value("show datestyle")).toBe(expected);
  });

  test("6: a client is told of its own settings, not of others'", async () => {
    await using german = await stage.session("transaction");
    await using plain = await stage.session("transaction");
    expect((await german.ask("set datestyle to german")).tags).toBe("CSZ");
    for (let round = 0; round < 3; round++) {
      expect((await german.ask("select 1")).tags).toBe("TDCZ");
      expect((await plain.ask("select 1")).tags).toBe("TDCZ");
    }
  });

  test("6: a client is told when its next backend reports something else", async () => {
    await using client = await stage.session("transaction");
    const pid = await client.backend();
    await stage.rows("alter role postgres set intervalstyle to iso_8601");
    await stage.terminate(pid);
    const { tags, rows } = await client.ask("show intervalstyle");
    await stage.rows("alter role postgres reset intervalstyle");
    expect({ tags, rows }).toEqual({ tags: "STDCZ", rows: [["iso_8601"]] });
    await stage.terminate(await client.backend());
  });
});

describe("7: a client is greeted as by the server", () => {
  /** What it is told at its login: type letters, and the parameters. */
  async function greeting(
    target: { readonly host: string; readonly port: number },
    parameters: Readonly<Record<string, string>>,
  ): Promise<readonly string[]> {
    await using client = await connectWire(target);
    const messages = await client.login({ user: "postgres", database: "postgres", ...parameters });
    return messages
      .map(({ type, body }) => (type === "S" ? body.toString().replaceAll("\0", " ") : type))
      .toSorted();
  }

  test.each<[string, Readonly<Record<string, string>>]>([
    ["without a wish", {}],
    ["with a name", { application_name: "greeted" }],
    ["with another encoding", { client_encoding: "LATIN1" }],
    ["with options", { options: "-c datestyle=german -c work_mem=2MB --my.own=mine" }],
  ])("7: %s, the first time and from memory", async (_, parameters) => {
    const expected = await greeting(stage.postgres, parameters);
    for (const mode of POOLED) {
      for (let time = 0; time < 2; time++) {
        expect(await greeting(stage.target(mode), parameters)).toEqual(expected);
      }
    }
  });

  test("7: from memory, without a backend", async () => {
    await asNext("transaction", async (next) => await next.ask("select 1"));
    await using holder = await stage.session("transaction");
    await holder.ask("begin");
    await using client = await stage.session("transaction");
    await holder.ask("commit");
    expect(await client.value("select 1")).toBe("1");
  });

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ["a database that is not there", { database: "nowhere" }, "3D000"],
    ["a parameter that is not there", { options: "-c nonsense=1" }, "42704"],
    ["a value that is none", { datestyle: "nonsense" }, "22023"],
  ])("7: %s is refused in the server's words", async (_, parameters, code) => {
    for (const target of [stage.postgres, stage.target("transaction")]) {
      await using client = await connectWire(target);
      client.startup({ user: "postgres", database: "postgres", ...parameters });
      expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code });
      await client.ended();
    }
  });
});

describe("8: a backend is reset when there is something to reset", () => {
  const DISCARDED = "query = 'DISCARD ALL' and state = 'idle'";

  test("8: not after a session of transaction mode that left nothing", async () => {
    await using client = await stage.session("transaction");
    const pid = await client.backend();
    await client.ask("set datestyle to german");
    await client.ask("select 'last words'");
    await client.leave();
    await using other = await stage.session("session");
    for (let round = 0; round < 2; round++) await other.ask("select 1");
    const [row] = await stage.rows(`select query from pg_stat_activity where pid = ${pid}`);
    expect(row).toEqual({ query: "select 'last words'" });
  });

  test.each([
    ["transaction", TEMPORARY],
    ["session", "select 1"],
  ] as const)("8: after a session of %s mode that left: %s", async (mode, text) => {
    await using client = await stage.session(mode);
    const pid = await client.backend();
    await client.ask(text);
    await client.leave();
    await stage.untilServer(`pid = ${pid} and ${DISCARDED}`);
    expect(await asNext(mode, async (next) => await next.backend())).toBe(pid);
  });

  test("8: by less than DISCARD ALL it is not made fit for others", async () => {
    await using client = await stage.session("trusting");
    const pid = await client.backend();
    await client.leave();
    await using next = await stage.session("trusting");
    expect(await next.backend()).not.toBe(pid);
  });

  for (const text of ["discard all", "reset all", "reset work_mem"]) {
    test(`8: ${text} brings back what the client's startup asked for`, async () => {
      await using client = await stage.session("transaction", { options: "-c work_mem=2MB" });
      await client.ask("set work_mem = '3MB'");
      expect(await client.ask(text)).toMatchObject({ tags: "CZ" });
      expect(await client.value("show work_mem")).toBe("2MB");
    });
  }
});

describe("9: a session that cannot move keeps its backend", () => {
  const channels = "select count(*) from pg_listening_channels()";
  test.each([
    { pin: "listen news", shows: channels, unpin: "unlisten *" },
    { pin: "listen news", shows: channels, unpin: "discard all" },
    { pin: TEMPORARY, shows: "select count(*) + 1 from mine", unpin: "discard temp" },
    { pin: TEMPORARY, shows: "select count(*) + 1 from mine", unpin: "discard all" },
    { pin: HELD_CURSOR, shows: "fetch held", unpin: "close all" },
    { pin: LOCK, shows: ADVISORY_LOCKS, unpin: "select pg_advisory_unlock_all()" },
    { pin: "prepare mine as select 1", shows: "execute mine", unpin: "deallocate all" },
  ])("9: by $pin, until $unpin", async ({ pin, shows, unpin }) => {
    await using client = await stage.session("transaction");
    await client.ask(pin);
    await using other = await stage.session("transaction");
    other.send(query("select 'other'"));
    expect(await client.value(shows)).toBe("1");
    expect(other.wire.received.length).toBe(0);
    expect((await client.ask(unpin)).error).toBeUndefined();
    expect(await other.answer()).toMatchObject({ tags: "TDCZ", rows: [["other"]] });
    await client.ask("select 1");
  });

  test("9: and hears what it listens for while it is idle", async () => {
    await using client = await stage.session("pair");
    await client.ask("listen news");
    await using other = await stage.session("pair");
    await other.ask("notify news, 'good'");
    const { type, body } = await client.wire.message();
    expect(type + body.toString("latin1", 4)).toBe("Anews\0good\0");
  });

  test("9: the value of a sequence in a transaction is the client's own", async () => {
    await using client = await stage.session("transaction");
    await asNext("transaction", async (next) => await next.ask("select nextval('counter')"));
    await client.ask("begin");
    const own = await client.value("select nextval('counter')");
    expect(await client.value("select lastval()")).toBe(own);
    expect(await client.value("select currval('counter')")).toBe(own);
    await client.ask("commit");
  });

  test.each(["select lastval()", "select currval('counter')"])(
    "9: %s outside a transaction is refused",
    async (text) => {
      for (const send of [query, batch]) {
        await using client = await stage.session("transaction");
        await client.ask("select nextval('counter')");
        client.send(send(text));
        expect((await client.wire.errorResponse()).code).toBe("0A000");
      }
    },
  );

  test("9: a session whose lastval() was refused goes on", async () => {
    await using client = await stage.session("transaction");
    expect(await client.ask("select lastval()")).toMatchObject({ tags: "EZ", error: "0A000" });
    expect(await client.value("select 'goes on'")).toBe("goes on");
  });
});
