import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { FrontendWriter } from "../../../src/postgres/index.ts";
import { query, type RuleSession } from "./rule-session.ts";
import { type RuleStage, startRuleStage } from "./rule-stage.ts";

const SHARED = ["transaction", "statement"] as const;

let stage: RuleStage<"transaction" | "statement" | "pair" | "small">;

beforeAll(async () => {
  stage = await startRuleStage({
    transaction: { pool: { mode: "transaction" } },
    statement: { pool: { mode: "statement" } },
    pair: { pool: { mode: "transaction", size: 2 } },
    small: { pool: { mode: "transaction", preparedStatements: 3 } },
  });
  await stage.rows(`
    create schema elsewhere;
    create table numbers (x int);
    create function forget_all() returns void language plpgsql
      as $$ begin execute 'deallocate all'; end $$`);
}, 60_000);

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

const write = (): FrontendWriter => new FrontendWriter();

const parse = (name: string, text: string, ...parameterTypes: readonly number[]): Uint8Array =>
  write().parse({ name, text, parameterTypes }).take();

const bind = (statement: string, ...values: readonly string[]): Uint8Array =>
  write().bind({ portal: "", statement, parameterFormats: [], values, resultFormats: [] }).take();

const execute = write().execute({ portal: "", maxRows: 0 }).take();
const sync = write().sync().take();
const flush = write().flush().take();
const describePortal = write().describe({ kind: "portal", name: "" }).take();

const describeStatement = (name: string): Uint8Array =>
  write().describe({ kind: "statement", name }).take();

const close = (name: string): Uint8Array => write().close({ kind: "statement", name }).take();

/** Binds and executes. */
const run = (statement: string, ...values: readonly string[]): Uint8Array =>
  Buffer.concat([bind(statement, ...values), execute]);

async function runs(
  client: RuleSession,
  statement: string,
  ...values: readonly string[]
): Promise<string | null | undefined> {
  const { rows, error } = await client.ask(run(statement, ...values), sync);
  return error ?? rows[0]?.[0];
}

async function prepares(client: RuleSession, name: string, text: string): Promise<void> {
  const { tags } = await client.ask(parse(name, text), sync);
  expect(tags).toMatch(/^N*1Z$/);
}

/** Keeps one backend of the pair, so that others get the other one. */
async function holdOne(): Promise<RuleSession> {
  const holder = await stage.session("pair");
  await holder.ask("begin");
  return holder;
}

/** Both backends of the pair, in turn: what is asked of each. */
async function onBoth(client: RuleSession, ask: () => Promise<void>): Promise<void> {
  await using other = await stage.session("pair");
  const seen = new Set<string | null>();
  for (let round = 0; round < 2; round++) {
    const pid = await client.backend();
    seen.add(pid);
    await ask();
    if (round > 0) break;
    // The other one takes the backend that the client has just had.
    await other.ask("begin");
    if ((await other.backend()) !== pid) throw new Error("the other one got another backend");
  }
  await other.ask("rollback");
  expect(seen.size).toBe(2);
}

describe("10: a shared statement is the same text, types and settings", () => {
  test.each(SHARED)("10: in %s mode clients with one text have one statement", async (mode) => {
    await using one = await stage.session(mode);
    await using two = await stage.session(mode);
    const before = await one.value("select count(*) from pg_prepared_statements");
    await prepares(one, "a", `select '${mode}'`);
    await prepares(two, "b", `select '${mode}'`);
    expect(await runs(one, "a")).toBe(mode);
    expect(await runs(two, "b")).toBe(mode);
    const after = await two.value("select count(*) from pg_prepared_statements");
    expect(Number(after) - Number(before)).toBe(1);
  });

  const SETTINGS: readonly (readonly [name: string, one: string, two: string, text: string])[] = [
    ["datestyle", "'ISO, MDY'", "'ISO, DMY'", "select extract(month from '02/03/2024'::date)"],
    ["timezone", "'UTC'", "'Asia/Tokyo'", "select extract(epoch from '2024-01-01'::timestamptz)"],
    ["standard_conforming_strings", "on", "off", String.raw`select length('a\nb')`],
    ["transform_null_equals", "on", "off", "select null = null"],
    ["array_nulls", "on", "off", "select '{null}'::text[]"],
    ["search_path", "public", "elsewhere", "select coalesce(to_regclass('numbers')::text, 'none')"],
  ];

  test.each(SETTINGS)(
    "10: with another %s it is another one",
    async (name, first, second, text) => {
      await using one = await stage.session("transaction");
      await using two = await stage.session("transaction");
      await using direct = await stage.direct();
      await one.ask(`set ${name} to ${first}`);
      await two.ask(`set ${name} to ${second}`);
      await prepares(one, "s", text);
      await prepares(two, "s", text);
      for (const [client, value] of [
        [one, first],
        [two, second],
      ] as const) {
        await direct.ask(`set ${name} to ${value}`);
        expect(await runs(client, "s")).toBe(await direct.value(text));
      }
    },
  );

  test("10: literals stay what they were at Parse, on every backend", async () => {
    await using client = await stage.session("pair");
    await client.ask("set datestyle to 'ISO, MDY'");
    await prepares(client, "day", "select extract(month from '02/03/2024'::date)::text");
    await client.ask("set datestyle to 'ISO, DMY'");
    await onBoth(client, async () => {
      expect(await runs(client, "day")).toBe("2");
      expect(await client.value("execute day")).toBe("2");
      expect(await client.value("show datestyle")).toBe("ISO, DMY");
    });
  });

  test("10: with other types it is another one", async () => {
    await using one = await stage.session("transaction");
    await using two = await stage.session("transaction");
    const text = "select pg_typeof($1)::text";
    await one.ask(parse("s", text, 23), sync);
    await two.ask(parse("s", text, 25), sync);
    expect(await runs(one, "s", "1")).toBe("integer");
    expect(await runs(two, "s", "1")).toBe("text");
  });
});

describe("11: a statement is there when the server has said so", () => {
  test("11: one whose Parse fails is nobody's, and not tried again for others", async () => {
    await using one = await stage.session("transaction");
    await using two = await stage.session("transaction");
    const text = "select y from numbers";
    expect(await one.ask(parse("s", text), run("s"), sync)).toMatchObject({ tags: "EZ" });
    await stage.rows("alter table numbers add column y int");
    expect(await runs(one, "s")).toBe("26000");
    await prepares(two, "s", text);
    expect(await two.ask(run("s"), sync)).toMatchObject({ tags: "2CZ" });
    await stage.rows("alter table numbers drop column y");
  });

  test("11: in a failed transaction the server answers a Parse", async () => {
    await using client = await stage.session("transaction");
    await prepares(client, "known", "select 'known'");
    await client.ask("begin");
    await client.ask("select 1/0");
    expect(await client.ask(parse("s", "select 1"), sync)).toMatchObject({ error: "25P02" });
    expect(await client.ask(parse("end", "rollback"), run("end"), sync)).toMatchObject({
      tags: "12CZ",
    });
    expect(await runs(client, "s")).toBe("26000");
    expect(await runs(client, "known")).toBe("known");
  });

  test("11: one that a function has dropped is prepared anew, and the client does not notice", async () => {
    await using one = await stage.session("transaction");
    await using two = await stage.session("transaction");
    await prepares(one, "a", "select 'a' || $1");
    await prepares(one, "b", "select 'b'");
    await prepares(two, "c", "select 'c'");
    for (let round = 0; round < 3; round++) {
      await two.ask("select forget_all()");
      expect(await one.ask(run("a", "1"), sync)).toMatchObject({ tags: "2DCZ", rows: [["a1"]] });
      expect(await one.ask(describeStatement("b"), run("b"), sync)).toMatchObject({
        tags: "tT2DCZ",
      });
      await two.ask("select forget_all()");
      const mixed = await one.ask(parse("n", "select 'n'"), run("n"), run("b"), sync);
      expect(mixed).toMatchObject({ tags: "12DC2DCZ", rows: [["n"], ["b"]] });
      await one.ask(close("n"), sync);
      expect(await runs(two, "c")).toBe("c");
    }
  });

  test("11: of several units that were sent ahead, errors speak of the client's names", async () => {
    await using one = await stage.session("transaction");
    await prepares(one, "a", "select 'a'");
    await one.ask("select forget_all()");
    one.send(run("a"), sync, run("a"), sync);
    for (const said of [await one.wire.errorResponse(), await one.wire.errorResponse()]) {
      expect(said).toMatchObject({
        code: "26000",
        message: 'prepared statement "a" does not exist',
      });
    }
    await one.wire.messagesUntil("Z");
    expect(await runs(one, "a")).toBe("a");
  });

  test("11: names are bounded, and the limit is told", async () => {
    await using client = await stage.session("transaction");
    for (let from = 0; from < 10_000; from += 1_000) {
      const names = Array.from({ length: 1_000 }, (_, at) => parse(`s${from + at}`, "select 1"));
      const { error } = await client.ask(Buffer.concat(names), sync);
      expect(error).toBeUndefined();
    }
    expect(await client.ask(parse("more", "select 1"), sync)).toMatchObject({ error: "53400" });
    expect(
      await client.ask(close("s1"), parse("more", "select 1"), run("more"), sync),
    ).toMatchObject({ tags: "312DCZ" });
  });

  test("11: a connection keeps as many as it may, and the others work all the same", async () => {
    await using client = await stage.session("small");
    for (let at = 0; at < 10; at++) await prepares(client, `s${at}`, `select ${at}`);
    for (let at = 0; at < 10; at++) expect(await runs(client, `s${at}`)).toBe(String(at));
    const all = Array.from({ length: 10 }, (_, at) => run(`s${at}`));
    const { rows } = await client.ask(Buffer.concat(all), sync);
    expect(rows.flat()).toEqual(Array.from({ length: 10 }, (_, at) => String(at)));
    expect(await client.value("select count(*) from pg_prepared_statements")).toBe("3");
  });

  test("11: what is skipped with its batch leaves nothing on the connection", async () => {
    await using client = await stage.session("small");
    for (let at = 0; at < 6; at++) await prepares(client, `s${at}`, `select ${at}`);
    for (let at = 0; at < 20; at++) {
      await client.ask(parse("", "select 1/0"), run(""), run(`s${at % 6}`), sync);
    }
    const count = await client.value("select count(*) from pg_prepared_statements");
    expect(Number(count)).toBeLessThanOrEqual(4);
  });
});

describe("12: the unnamed statement, and names in SQL", () => {
  test.each(SHARED)("12: in %s mode the unnamed statement is the session's", async (mode) => {
    await using one = await stage.session(mode);
    await using two = await stage.session(mode);
    await one.ask(parse("", "select 'of one'"), sync);
    await two.ask(parse("", "select 'of two'"), sync);
    for (let round = 0; round < 2; round++) {
      expect(await runs(one, "")).toBe("of one");
      expect(await runs(two, "")).toBe("of two");
    }
    await two.ask("select 1");
    expect(await runs(two, "")).toBe("26000");
    expect(await runs(one, "")).toBe("of one");
    await using three = await stage.session(mode);
    expect(await runs(three, "")).toBe("26000");
    expect(await three.ask(describeStatement(""), sync)).toMatchObject({ error: "26000" });
    expect(await runs(one, "")).toBe("of one");
  });

  test("12: the unnamed statement goes to another backend with its session", async () => {
    await using client = await stage.session("pair");
    for (const long of ["", "-".repeat(1_000)]) {
      await client.ask(parse("", `select 'mine' --${long}`), sync);
      await using holder = await holdOne();
      await using other = await stage.session("pair");
      await other.ask(parse("", "select 'of another'"), sync);
      expect(await runs(client, "")).toBe("mine");
      await holder.ask("rollback");
      expect(await runs(client, "")).toBe("mine");
    }
  });

  test("12: an unnamed statement too long to be kept ties its session to the backend", async () => {
    await using client = await stage.session("pair");
    const backend = await client.backend();
    await client.ask(parse("", `select 'long' --${"-".repeat(300_000)}`), sync);
    await using other = await stage.session("pair");
    await other.ask(parse("", "select 'of another'"), sync);
    expect(await runs(client, "")).toBe("long");
    expect(await client.backend()).toBe(backend);
  });

  test.each(["deallocate all", "discard all"])("12: %s is for its own session", async (text) => {
    await using one = await stage.session("transaction");
    await using two = await stage.session("transaction");
    for (const client of [one, two]) await prepares(client, "s", "select 'of both'");
    for (const send of [query(text), Buffer.concat([parse("", text), run(""), sync])]) {
      expect(await one.ask(send)).toMatchObject({ error: undefined });
      expect(await runs(one, "s")).toBe("26000");
      expect(await runs(two, "s")).toBe("of both");
      await prepares(one, "s", "select 'of both'");
      expect(await runs(one, "s")).toBe("of both");
    }
  });

  test("12: EXECUTE and DEALLOCATE know the protocol's names, on every backend", async () => {
    await using client = await stage.session("pair");
    await prepares(client, "s", "select $1::int + 1 as x");
    await onBoth(client, async () => {
      expect(await client.value("execute s(1)")).toBe("2");
      expect(await client.ask(parse("", "execute s(2)"), run(""), sync)).toMatchObject({
        rows: [["3"]],
      });
    });
    await client.ask("deallocate s");
    expect(await client.ask("execute s(1)")).toMatchObject({ error: "26000" });
    expect(await runs(client, "s", "1")).toBe("26000");
  });

  test("12: nobody gets at the statements of others by the gateway's names", async () => {
    await using owner = await stage.session("transaction");
    await using thief = await stage.session("transaction");
    await prepares(owner, "secret", "select 'secret'");
    const names = await owner.ask("select name from pg_prepared_statements");
    for (const [name] of names.rows) {
      if (name === null || name === undefined) throw new Error("a statement without a name");
      expect(await runs(thief, name)).toBe("26000");
      expect(await thief.ask(`execute ${name}`)).toMatchObject({ error: "26000" });
      expect(await thief.ask(`deallocate ${name}`)).toMatchObject({ error: "26000" });
      await thief.ask(close(name), sync);
    }
    expect(await runs(owner, "secret")).toBe("secret");
  });

  test.each([
    ["short", "set work_mem to '7MB'"],
    ["long", `set work_mem to '7MB' --${"-".repeat(300_000)}`],
  ])("12: a %s SET that was prepared is noticed whenever it runs", async (_, text) => {
    await using client = await stage.session("transaction");
    await prepares(client, "s", text);
    await client.ask(run("s"), sync);
    await client.ask("reset work_mem");
    // Bound while it is there, executed when it is not any more.
    const portal = {
      portal: "p",
      statement: "s",
      parameterFormats: [],
      values: [],
      resultFormats: [],
    };
    await client.ask(
      write().bind(portal).take(),
      ...[parse("", "deallocate all"), run("")],
      write().execute({ portal: "p", maxRows: 0 }).take(),
      sync,
    );
    expect(await runs(client, "s")).toBe("26000");
    expect(await client.value("show work_mem")).toBe("7MB");
    await client.leave();
    await using next = await stage.session("transaction");
    expect(await next.value("show work_mem")).toBe("4MB");
  });
});

describe("13: a result that would change", () => {
  test("13: who has prepared it after the change does not hear of it", async () => {
    await stage.rows("create table changing_1 (a int); insert into changing_1 values (1)");
    await using one = await stage.session("transaction");
    await using two = await stage.session("transaction");
    await prepares(one, "old", "select * from changing_1");
    expect(await runs(one, "old")).toBe("1");
    await stage.rows("alter table changing_1 add column b text default 'new'");
    await prepares(two, "new", "select * from changing_1");
    // The statement on the backend is the one of before.
    expect(await two.ask(run("new"), sync)).toMatchObject({ tags: "2DCZ", rows: [["1", "new"]] });
    expect(await two.ask(run("new"), sync)).toMatchObject({ tags: "2DCZ" });
    // Directly, whoever has prepared it before the change gets the error.
    expect(await runs(one, "old")).toBe("0A000");
    expect(await runs(one, "old")).toBe("0A000");
    await using three = await stage.session("transaction");
    await prepares(three, "s", "select * from changing_1");
    expect(await three.ask(run("s"), sync)).toMatchObject({ rows: [["1", "new"]] });
    await stage.rows("drop table changing_1");
  });

  test("13: who prepares and runs it in one batch does not, either", async () => {
    await stage.rows("create table changing_2 (a int); insert into changing_2 values (1)");
    await using one = await stage.session("transaction");
    await using two = await stage.session("transaction");
    await prepares(one, "old", "select * from changing_2");
    await stage.rows("alter table changing_2 add column b text default 'new'");
    const answer = await two.ask(parse("s", "select * from changing_2"), run("s"), sync);
    expect(answer).toMatchObject({ tags: "12DCZ", rows: [["1", "new"]] });
    await stage.rows("drop table changing_2");
  });

  test("13: who asks for its description in the same batch gets the new rows", async () => {
    await stage.rows("create table changing_3 (a int); insert into changing_3 values (1)");
    await using client = await stage.session("transaction");
    await prepares(client, "s", "select * from changing_3");
    await stage.rows("alter table changing_3 add column b text default 'new'");
    expect(await client.ask(bind("s"), execute, sync)).toMatchObject({ error: "0A000" });
    expect(await client.ask(bind("s"), describePortal, execute, sync)).toMatchObject({
      tags: "2TDCZ",
      rows: [["1", "new"]],
    });
    expect(await client.ask(bind("s"), execute, sync)).toMatchObject({ rows: [["1", "new"]] });
    await stage.rows("drop table changing_3");
  });

  test("13: who has prepared it before hears of the change on every backend, once it is known", async () => {
    await stage.rows("create table changing_far (a int); insert into changing_far values (1)");
    const text = "select * from changing_far";
    await using one = await stage.session("pair");
    await using two = await stage.session("pair");
    await using late = await stage.session("pair");
    const backend = await one.backend();
    await prepares(one, "old", text);
    await stage.rows("alter table changing_far add column b text default 'new'");
    // Both meet the one backend that has the statement.
    for (const client of [two, late]) expect(await client.backend()).toBe(backend);
    await prepares(late, "late", text);
    await prepares(two, "new", text);
    expect(await two.ask(run("new"), sync)).toMatchObject({ rows: [["1", "new"]] });
    await onBoth(one, async () => {
      expect(await runs(one, "old")).toBe("0A000");
      expect(await two.ask(run("new"), sync)).toMatchObject({ rows: [["1", "new"]] });
      expect(await late.ask(run("late"), sync)).toMatchObject({ rows: [["1", "new"]] });
    });
    expect(await one.ask(bind("old"), describePortal, execute, sync)).toMatchObject({
      rows: [["1", "new"]],
    });
    await stage.rows("drop table changing_far");
  });

  test("13: nothing is asked again of which the client has heard", async () => {
    await stage.rows("create table changing_4 (a int); insert into changing_4 values (1)");
    await using client = await stage.session("transaction");
    await prepares(client, "s", "select * from changing_4");
    await stage.rows("alter table changing_4 add column b text default 'new'");
    client.send(parse("", "insert into numbers values (13)"), run(""), flush);
    await client.wire.messagesUntil("C");
    expect(await client.ask(bind("s"), describePortal, execute, sync)).toMatchObject({
      error: "0A000",
    });
    expect(await stage.rows("select * from numbers")).toEqual([]);
    await stage.rows("drop table changing_4");
  });
});
