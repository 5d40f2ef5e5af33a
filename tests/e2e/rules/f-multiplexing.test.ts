import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client } from "pg";
import { serialize } from "pg-protocol";
import {
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../../kit/index.ts";
import { InFlightTap } from "./in-flight-tap.ts";
import { batch, openSession, query, type RuleSession } from "./rule-session.ts";

/** What is in the database of these tests. */
const TABLES = [
  "create table items (id int primary key, value text)",
  "insert into items select i, 'value ' || i from generate_series(0, 999) i",
  "create sequence numbers",
  "create view counted as select nextval('numbers') as number, id from items",
  "create table guarded (id int)",
  "alter table guarded enable row level security",
  `create function own(int) returns int language plpgsql volatile as
     'begin perform nextval(''numbers''); return $1; end'`,
];

let postgres: PostgresServer;
let tap: InFlightTap;
let watcher: Client;

beforeAll(async () => {
  postgres = await startPostgres();
  tap = await InFlightTap.start(postgres);
  watcher = new Client(postgres.url);
  await watcher.connect();
  for (const sql of TABLES) await watcher.query(sql);
}, 60_000);

afterAll(async () => {
  await watcher.end();
  await tap[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

/** A gateway in front of the tap, and clients of it. */
class Stage implements AsyncDisposable {
  readonly #gatewayd: GatewaydProcess;
  readonly #sessions: RuleSession[] = [];

  constructor(gatewayd: GatewaydProcess) {
    this.#gatewayd = gatewayd;
  }

  async sessions(count: number): Promise<RuleSession[]> {
    const { host, port } = this.#gatewayd;
    for (let number = 0; number < count; number++) {
      this.#sessions.push(await openSession({ host, port }));
    }
    return this.#sessions.slice(-count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const session of this.#sessions) await session[Symbol.asyncDispose]();
    await this.#gatewayd.stop();
    await this.#gatewayd[Symbol.asyncDispose]();
  }
}

async function startStage(pool: Readonly<Record<string, unknown>>): Promise<Stage> {
  const config = oneBlockConfig(tap.address, {
    pool: { mode: "transaction", size: 1, multiplexDepth: 4, ...pool },
    server: { auth: { method: "trust" } },
  });
  return new Stage(await startGatewayd({ config }));
}

const item = (id: number) => `select value from items where id = ${id}`;

/** All ask at once, while the server's answers are kept back. @returns the most that were under way at once */
async function askAtOnce(
  sessions: readonly RuleSession[],
  unit: (number: number) => Uint8Array,
): Promise<number> {
  {
    using _held = tap.hold();
    for (const [number, session] of sessions.entries()) session.send(unit(number));
    await waitFor("a unit to reach the server", () => tap.most > 0, { intervalMs: 1 });
    // Whoever shares has been sent by now, or comes with the next turns of the gateway.
    await watcher.query("select 1");
    await watcher.query("select 1");
  }
  for (const session of sessions) await session.answer();
  return tap.most;
}

/** The statement is known to be harmless by now, and is shared. */
async function untilShared(
  sessions: readonly RuleSession[],
  unit: (number: number) => Uint8Array,
): Promise<void> {
  const seen = await waitFor("units to be sent behind others", async () => {
    // What is kept back counts as slow: it must not be the usual.
    for (let round = 0; round < 5; round++) {
      for (const [number, session] of sessions.entries()) session.send(unit(number));
      for (const session of sessions) await session.answer();
    }
    return (await askAtOnce(sessions, unit)) > 1;
  });
  expect(seen).toBe(true);
}

describe("20: only what changes nothing shares a backend", () => {
  let stage: Stage;
  let sessions: readonly RuleSession[];

  beforeAll(async () => {
    stage = await startStage({});
    sessions = await stage.sessions(3);
  }, 60_000);

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  test.each([
    ["a query of a table, whatever it asks for", (number: number) => query(item(number))],
    ["a batch", () => batch("select count(*) from items where id < 7")],
    ["a function of PostgreSQL that is free of effects", () => query("select upper('x')")],
  ])("20: %s does", async (_, unit) => {
    await untilShared(sessions, unit);
  });

  test("20: a prepared statement does, once the backend has it", async () => {
    for (const session of sessions) {
      await session.ask(
        serialize.parse({ name: "s", text: "select value from items where id = $1", types: [23] }),
        serialize.sync(),
      );
    }
    const unit = (number: number) =>
      Buffer.concat([
        serialize.bind({ statement: "s", values: [`${number}`] }),
        serialize.execute(),
        serialize.sync(),
      ]);
    await untilShared(sessions, unit);
  });

  test.each([
    ["a view that counts", "select * from counted limit 1"],
    ["a table with row security", "select * from guarded"],
    ["a function of a user", "select own(1)"],
    ["nextval()", "select nextval('numbers')"],
    ["pg_sleep()", "select pg_sleep(0)"],
    ["a lock on rows", "select * from items where id = 1 for update"],
    ["a write in a query", "with new as (insert into items values (-1, '') returning 1) select 1"],
    ["two statements", "select 1; select 2"],
    ["a setting", "set application_name to 'x'"],
    ["an advisory lock", "select pg_advisory_xact_lock(1)"],
  ])("20: %s does not", async (_, text) => {
    for (let round = 0; round < 5; round++) {
      expect(await askAtOnce(sessions, () => query(text))).toBe(1);
      await watcher.query("delete from items where id < 0");
    }
  });

  test("20: what was a table and is a view is not shared any more", async () => {
    await watcher.query("create table changing as select 1 as id");
    const unit = () => query("select id from changing");
    await untilShared(sessions, unit);
    const [first] = sessions;
    await first?.ask("begin");
    await first?.ask("drop table changing");
    await first?.ask("create view changing as select nextval('numbers') as id");
    await first?.ask("commit");
    for (let round = 0; round < 5; round++) expect(await askAtOnce(sessions, unit)).toBe(1);
  });

  test("20: sessions with other settings do not share, but for their name", async () => {
    const unit = (number: number) => query(item(number));
    await untilShared(sessions, unit);
    const [first, second] = sessions;
    await first?.ask("set application_name to 'one'");
    await untilShared(sessions, unit);
    await first?.ask("set datestyle to german");
    if (first === undefined || second === undefined) throw new Error("there are sessions");
    for (let round = 0; round < 5; round++) {
      expect(await askAtOnce([first, second], unit)).toBe(1);
    }
  });
});

describe("21: what was sent is sent once", () => {
  test("21: a backend that is ended takes all units with it that it had", async () => {
    await using stage = await startStage({});
    const [first, ...others] = await stage.sessions(4);
    if (first === undefined) throw new Error("there are sessions");
    await untilShared(others, (number) => query(item(number)));
    const pid = Number(await first.backend());
    let clients: readonly RuleSession[] = [];
    await waitFor("units under way together", async () => {
      clients = await stage.sessions(3);
      process.kill(pid, "SIGSTOP");
      using held = tap.hold();
      for (const [number, client] of clients.entries()) client.send(query(item(number)));
      await waitFor("a unit to reach the server", () => tap.most > 0, { intervalMs: 1 });
      await watcher.query("select 1");
      const isShared = tap.most > 1;
      if (isShared) process.kill(pid, "SIGTERM");
      process.kill(pid, "SIGCONT");
      held[Symbol.dispose]();
      if (!isShared) for (const client of clients) await client.answer();
      return isShared;
    });
    const ends = await Promise.all(clients.slice(0, tap.most).map((client) => client.fatal()));
    expect(ends).toEqual(ends.map(() => "57P01"));
    // Who had nothing there goes on.
    for (const client of clients.slice(tap.most)) await client.answer();
    expect(await first.value(item(5))).toBe("value 5");
  });
});

describe("22: nobody waits long for others", () => {
  /** Six clients of two backends, who share them, and the first of them. */
  async function crowd(stage: Stage) {
    const clients = await stage.sessions(6);
    await untilShared(clients, (number) => query(item(number)));
    const [first, ...others] = clients;
    if (first === undefined) throw new Error("there are clients");
    return { clients, first, others };
  }

  /** Others are served again and again, while the one takes its time. */
  async function expectServed(others: readonly RuleSession[]): Promise<void> {
    for (let round = 0; round < 20; round++) {
      for (const [number, other] of others.entries()) other.send(query(item(number)));
      for (const [number, other] of others.entries()) {
        const { rows } = await other.answer();
        expect(rows).toEqual([[`value ${number}`]]);
      }
    }
  }

  test("22: behind a statement that waits for a lock", async () => {
    await using stage = await startStage({ size: 2 });
    const { clients, first: slow, others } = await crowd(stage);
    await watcher.query("create table if not exists locked as select 1 as id");
    await untilShared(clients, () => query("select id from locked"));
    await watcher.query("begin; lock table locked in access exclusive mode");
    slow.send(query("select id from locked"));
    await expectServed(others);
    await watcher.query("commit");
    expect((await slow.answer()).rows).toEqual([["1"]]);
  });

  test("22: behind a statement that is slow with other parameters", async () => {
    await using stage = await startStage({ size: 2 });
    const { clients, first: slow, others } = await crowd(stage);
    const text = (limit: number) =>
      `select count(*) from items a, items b, items c where a.id < ${limit} and c.id < ${limit}`;
    await untilShared(clients, () => query(text(1)));
    slow.send(query(text(60)));
    await expectServed(others);
    expect((await slow.answer()).rows).toEqual([["3600000"]]);
  });

  test("22: behind a client that does not read", async () => {
    await using stage = await startStage({ size: 2 });
    const { first: deaf, others } = await crowd(stage);
    const large = "select repeat(value, 6000) from items where id < 400";
    deaf.wire.pause();
    for (let count = 0; count < 3; count++) deaf.send(query(large));
    await expectServed(others);
    deaf.wire.resume();
    for (let count = 0; count < 3; count++) expect((await deaf.answer()).rows.length).toBe(400);
  });

  test("22: a statement with large answers has its backend alone from then on", async () => {
    await using stage = await startStage({ size: 2 });
    const { clients } = await crowd(stage);
    const rows = (count: number) =>
      query(`select a.value, b.value from items a, items b where a.id < ${count} and b.id < 50`);
    await untilShared(clients, () => rows(2));
    await clients[0]?.ask(rows(200));
    for (let round = 0; round < 5; round++) expect(await askAtOnce(clients, () => rows(2))).toBe(1);
  });
});
