import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { FrontendWriter, readErrorResponse } from "../../src/postgres/index.ts";
import {
  connectWire,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  type ServerMessage,
  startGatewayd,
  startPostgres,
  type WireClient,
} from "../kit/index.ts";

let postgres: PostgresServer;

beforeAll(async () => {
  postgres = await startPostgres();
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
});

async function startSharing(
  pool: Readonly<Record<string, unknown>> = {},
): Promise<GatewaydProcess> {
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode: "transaction", size: 1, ...pool },
      server: { auth: { method: "trust" } },
    }),
  });
}

async function session(gatewayd: GatewaydProcess): Promise<WireClient> {
  const client = await connectWire(gatewayd);
  await client.login({ user: "postgres", database: "postgres" });
  return client;
}

const write = (): FrontendWriter => new FrontendWriter();

function parse(name: string, text: string, parameterTypes: readonly number[] = []): Uint8Array {
  return write().parse({ name, text, parameterTypes }).take();
}

/** Binds and executes. */
function run(statement: string, ...values: readonly string[]): Uint8Array {
  return write()
    .bind({ portal: "", statement, parameterFormats: [], values, resultFormats: [] })
    .execute({ portal: "", maxRows: 0 })
    .take();
}

const sync = write().sync().take();

/** What a unit is answered with: the tags of the messages, and a value of the last row or error. */
async function answerOf(
  client: WireClient,
  ...messages: readonly Uint8Array[]
): Promise<{ readonly tags: string; readonly value: string }> {
  client.send(Buffer.concat(messages));
  const answer = await client.messagesUntil("Z");
  return { tags: answer.map(({ type }) => type).join(""), value: valueIn(answer) };
}

function valueIn(answer: readonly ServerMessage[]): string {
  const last = answer.findLast(({ type }) => type === "D" || type === "E");
  if (last === undefined) return "";
  if (last.type === "D") return last.body.subarray(6).toString();
  const header = Buffer.from("E\0\0\0\0", "latin1");
  header.writeInt32BE(last.body.length + 4, 1);
  const { code, message } = readErrorResponse(Buffer.concat([header, last.body]));
  return `${code} ${message}`;
}

async function statementsOnServer(client: WireClient): Promise<string> {
  client.query("select count(*) from pg_prepared_statements");
  return valueIn(await client.messagesUntil("Z"));
}

describe("prepared statements in transaction mode", () => {
  test("of two sessions under one name are two", async () => {
    await using gatewayd = await startSharing();
    await using one = await session(gatewayd);
    await using two = await session(gatewayd);
    await answerOf(one, parse("s", "select 1 where $1 = 'a'"), sync);
    await answerOf(two, parse("s", "select 2 where $1 = 'a'"), sync);
    expect(await answerOf(one, run("s", "a"), sync)).toEqual({ tags: "2DCZ", value: "1" });
    expect(await answerOf(two, run("s", "a"), sync)).toEqual({ tags: "2DCZ", value: "2" });
  });

  test("with the same text are one on the server", async () => {
    await using gatewayd = await startSharing();
    await using one = await session(gatewayd);
    await using two = await session(gatewayd);
    expect(await answerOf(one, parse("a", "select 7"), sync)).toMatchObject({ tags: "1Z" });
    expect(await answerOf(two, parse("b", "select 7"), sync)).toMatchObject({ tags: "1Z" });
    expect(await answerOf(two, run("b"), sync)).toMatchObject({ value: "7" });
    expect(await statementsOnServer(one)).toBe("1");
  });

  test("with other parameter types, or under other settings, are not the same", async () => {
    await using gatewayd = await startSharing();
    await using one = await session(gatewayd);
    await using two = await session(gatewayd);
    await answerOf(two, write().query("set datestyle to 'ISO, DMY'").take());
    const text = "select extract(month from '01/02/2026'::date)";
    await answerOf(one, parse("s", text), sync);
    await answerOf(two, parse("s", text), sync);
    expect(await answerOf(one, run("s"), sync)).toMatchObject({ value: "1" });
    expect(await answerOf(two, run("s"), sync)).toMatchObject({ value: "2" });
    await answerOf(one, parse("t", "select pg_typeof($1)::text", [23]), sync);
    await answerOf(two, parse("t", "select pg_typeof($1)::text", [25]), sync);
    expect(await answerOf(one, run("t", "1"), sync)).toMatchObject({ value: "integer" });
    expect(await answerOf(two, run("t", "1"), sync)).toMatchObject({ value: "text" });
  });

  test("are prepared again on a connection that does not have them", async () => {
    await using gatewayd = await startSharing({ size: 2 });
    await using one = await session(gatewayd);
    await using two = await session(gatewayd);
    await answerOf(one, parse("s", "select 5"), sync);
    // The other one takes the connection that the statement is on.
    await answerOf(two, write().query("begin").take());
    expect(await answerOf(one, run("s"), sync)).toEqual({ tags: "2DCZ", value: "5" });
    const describe = write().describe({ kind: "statement", name: "s" }).take();
    expect(await answerOf(one, describe, sync)).toMatchObject({ tags: "tTZ" });
    await answerOf(two, write().query("commit").take());
  });

  test("speak of the client's names in errors", async () => {
    await using gatewayd = await startSharing();
    await using one = await session(gatewayd);
    await answerOf(one, parse("mine", "select 1"), sync);
    expect(await answerOf(one, parse("mine", "select 2"), sync)).toEqual({
      tags: "EZ",
      value: '42P05 prepared statement "mine" already exists',
    });
    expect(await answerOf(one, run("mine", "too", "many"), sync)).toEqual({
      tags: "EZ",
      value: '08P01 bind message supplies 2 parameters, but prepared statement "mine" requires 0',
    });
    expect(await answerOf(one, run("nobody's"), sync)).toEqual({
      tags: "EZ",
      value: `26000 prepared statement "nobody's" does not exist`,
    });
    expect(await answerOf(one, run("_gatewayd_1"), sync)).toMatchObject({ tags: "EZ" });
  });

  test("are closed for their own session only", async () => {
    await using gatewayd = await startSharing();
    await using one = await session(gatewayd);
    await using two = await session(gatewayd);
    await answerOf(one, parse("s", "select 1"), sync);
    await answerOf(two, parse("s", "select 1"), sync);
    const close = write().close({ kind: "statement", name: "s" }).take();
    expect(await answerOf(one, close, sync)).toMatchObject({ tags: "3Z" });
    expect(await answerOf(one, run("s"), sync)).toMatchObject({ tags: "EZ" });
    expect(await answerOf(one, parse("s", "select 2"), run("s"), sync)).toEqual({
      tags: "12DCZ",
      value: "2",
    });
    expect(await answerOf(two, run("s"), sync)).toMatchObject({ value: "1" });
  });

  test("that failed, or were skipped behind a failure, are not there", async () => {
    await using gatewayd = await startSharing();
    await using one = await session(gatewayd);
    expect(await answerOf(one, parse("a", "selec"), parse("b", "select 1"), sync)).toMatchObject({
      tags: "EZ",
    });
    expect(await answerOf(one, run("b"), sync)).toMatchObject({
      value: '26000 prepared statement "b" does not exist',
    });
    expect(await answerOf(one, parse("a", "select 3"), run("a"), sync)).toMatchObject({
      value: "3",
    });
  });

  test("that are not closed because of a failure are still there", async () => {
    await using gatewayd = await startSharing();
    await using one = await session(gatewayd);
    await answerOf(one, parse("s", "select 4"), sync);
    const close = write().close({ kind: "statement", name: "s" }).take();
    expect(await answerOf(one, parse("bad", "selec"), close, sync)).toMatchObject({ tags: "EZ" });
    expect(await answerOf(one, run("s"), sync)).toMatchObject({ value: "4" });
  });

  test("fail where they are needed when the server refuses them anew", async () => {
    await using gatewayd = await startSharing({ size: 2 });
    await using one = await session(gatewayd);
    await using two = await session(gatewayd);
    await answerOf(one, write().query("create table gone (x int)").take());
    await answerOf(one, parse("s", "select x from gone"), sync);
    await answerOf(two, write().query("begin").take());
    await answerOf(one, write().query("drop table gone").take());
    expect(await answerOf(one, run("s"), sync, write().query("select 9").take())).toEqual({
      tags: "EZ",
      value: '42P01 relation "gone" does not exist',
    });
    expect(valueIn(await one.messagesUntil("Z"))).toBe("9");
    await answerOf(two, write().query("rollback").take());
  });

  test("are bounded on a connection, and the least used go first", async () => {
    await using gatewayd = await startSharing({ preparedStatements: 3 });
    await using one = await session(gatewayd);
    for (let number = 1; number <= 5; number++) {
      await answerOf(one, parse(`s${number}`, `select ${number}`), sync);
      expect(await answerOf(one, run("s1"), sync)).toMatchObject({ value: "1" });
    }
    expect(await statementsOnServer(one)).toBe("3");
    for (let number = 1; number <= 5; number++) {
      expect(await answerOf(one, run(`s${number}`), sync)).toEqual({
        tags: "2DCZ",
        value: `${number}`,
      });
    }
    expect(await statementsOnServer(one)).toBe("3");
  });

  test("without a name belong to their session, too", async () => {
    await using gatewayd = await startSharing();
    await using one = await session(gatewayd);
    await using two = await session(gatewayd);
    await answerOf(one, parse("", "select 1"), sync);
    await answerOf(two, parse("", "select 2"), sync);
    expect(await answerOf(one, run(""), sync)).toEqual({ tags: "2DCZ", value: "1" });
    expect(await answerOf(two, run(""), sync)).toEqual({ tags: "2DCZ", value: "2" });
    await answerOf(two, write().query("select").take());
    expect(await answerOf(two, run(""), sync)).toMatchObject({
      value: "26000 unnamed prepared statement does not exist",
    });
    await answerOf(one, parse("", "select 3"), sync);
    expect(await answerOf(two, run(""), sync)).toMatchObject({ tags: "EZ" });
    expect(await answerOf(one, run(""), sync)).toMatchObject({ value: "3" });
  });

  test("are given up by SQL", async () => {
    await using gatewayd = await startSharing();
    await using one = await session(gatewayd);
    await using two = await session(gatewayd);
    for (const text of ["deallocate s", 'DEALLOCATE PREPARE "s"', "deallocate all"]) {
      await answerOf(one, parse("s", "select 1"), sync);
      await answerOf(two, parse("t", "select 1"), sync);
      expect(await answerOf(one, write().query("execute s").take())).toMatchObject({ value: "1" });
      expect(await answerOf(one, write().query(text).take())).toMatchObject({ tags: "CZ" });
      expect(await answerOf(one, run("s"), sync)).toMatchObject({ tags: "EZ" });
      expect(await answerOf(two, run("t"), sync)).toMatchObject({ value: "1" });
      await answerOf(two, write().close({ kind: "statement", name: "t" }).take(), sync);
    }
  });

  test("that set something are noticed whenever they run", async () => {
    await using gatewayd = await startSharing();
    await using one = await session(gatewayd);
    await using two = await session(gatewayd);
    await answerOf(one, parse("s", "set work_mem to '7MB'"), sync);
    await answerOf(one, run("s"), sync);
    await answerOf(one, write().query("reset work_mem").take());
    await answerOf(one, run("s"), sync);
    expect(await answerOf(two, write().query("show work_mem").take())).toMatchObject({
      value: "4MB",
    });
    expect(await answerOf(one, write().query("show work_mem").take())).toMatchObject({
      value: "7MB",
    });
  });

  test("arrive in pieces of any size", async () => {
    await using gatewayd = await startSharing();
    await using one = await session(gatewayd);
    const bytes = Buffer.concat([parse("cut", "select $1::int + 1"), run("cut", "41"), sync]);
    for (let at = 1; at < bytes.length; at++) {
      one.send(bytes.subarray(0, at));
      await answerOf(one, bytes.subarray(at)).then(({ value }) => expect(value).toBe("42"));
      await answerOf(one, write().close({ kind: "statement", name: "cut" }).take(), sync);
    }
  });

  test("take large values", async () => {
    await using gatewayd = await startSharing();
    await using one = await session(gatewayd);
    await answerOf(one, parse("long", "select length($1)"), sync);
    const value = "x".repeat(3_000_000);
    expect(await answerOf(one, run("long", value), sync)).toMatchObject({ value: "3000000" });
  });
});
