import { beforeAll, describe, expect, spyOn, test } from "bun:test";
import { frontend } from "../../tests/fixtures/wire/index.ts";
import { fingerprint, loadSql, normalize } from "../sql/index.ts";
import type { WatchedSession, WatchedUnit } from "../watch/index.ts";
import { Statements } from "./statements.ts";

const ALICE = session("alice");
const BOB = session("bob");

function session(user: string): WatchedSession {
  return { id: user, user, database: "shop", applicationName: undefined, block: "writes" };
}

type Told = Partial<Pick<WatchedUnit, "text" | "rows" | "sqlState" | "waitedMs" | "session">>;

class StatementsKit {
  nowMs = 1_000;
  readonly grammar = { load: loadSql, normalize, fingerprint };
  readonly statements = new Statements({
    grammar: this.grammar,
    now: () => this.nowMs,
    random: () => (this.#drawn++ % 64) / 64,
  });
  /** One in 64 is less than 1/64; not the first. */
  #drawn = 32;
  readonly #watch: ReturnType<Statements["watchOf"]>;

  constructor(size = 100) {
    this.#watch = this.statements.watchOf("default", size);
  }

  /** A unit that began with these messages has ended. */
  unit(request: Uint8Array | undefined, tookMs: number, told: Told = {}): void {
    const unit: WatchedUnit = {
      session: ALICE,
      clientAddress: "",
      serverAddress: "",
      beganMs: this.nowMs,
      waitedMs: 0,
      kind: "query",
      request,
      text: undefined,
      requestBytes: 0,
      answerBytes: 0,
      commandTag: undefined,
      rows: 3,
      sqlState: undefined,
      transactionStatus: 0x49,
      isMultiplexed: false,
      preparedHits: 0,
      preparedMisses: 0,
      pinReason: undefined,
      traceId: undefined,
      ...told,
    };
    this.#watch?.block("writes").unitEnded(unit, tookMs);
    this.nowMs += tookMs;
  }

  query(text: string, tookMs = 1, told: Told = {}): void {
    this.unit(frontend.query(text), tookMs, { text, ...told });
  }

  async list() {
    const { statements } = await this.statements.report();
    return statements.toSorted((one, other) => other.totalMs - one.totalMs);
  }
}

beforeAll(loadSql);

describe("of many units in one second", () => {
  test("the quick ones are counted by a sample, which is right on average", async () => {
    const kit = new StatementsKit();
    for (let index = 0; index < 100 + 6_400; index++) kit.query("select 1", 0);
    expect(await kit.list()).toMatchObject([{ calls: 6_500, rows: 19_500 }]);
  });

  test("those that are slow or fail are counted all", async () => {
    const kit = new StatementsKit();
    for (let index = 0; index < 150; index++) kit.query("select 1", 0);
    kit.query("select slow", 80, { waitedMs: 20 });
    kit.query("selekt", 0, { sqlState: "42601", rows: undefined });
    kit.query("select quick", 0);
    const list = await kit.list();
    expect(list.map(({ statement }) => statement)).toEqual(["select slow", "select $1", ""]);
    expect(list[0]).toMatchObject({ calls: 1, totalMs: 80, waitedMs: 20, maxMs: 80 });
    expect(list[2]).toMatchObject({ calls: 1, errors: 1 });
  });
});

describe("statements", () => {
  test("are counted together whatever their values, and shown without them", async () => {
    const kit = new StatementsKit();
    kit.query("select a from t where b = 'secret'", 5, { waitedMs: 2 });
    kit.query("SELECT a FROM t  WHERE b = 17", 1, { rows: 12 });
    kit.query("select a from t where b = 'other'", 3, { sqlState: "42P01", rows: undefined });
    expect(await kit.list()).toEqual([
      {
        group: "default",
        block: "writes",
        user: "alice",
        database: "shop",
        statement: "select a from t where b = $1",
        fingerprint: fingerprint("select a from t where b = 1") ?? "",
        textLength: 34,
        calls: 3,
        totalMs: 9,
        maxMs: 5,
        waitedMs: 2,
        rows: 15,
        errors: 1,
        lastSeenMs: expect.any(Number),
        sinceMs: expect.any(Number),
      },
    ]);
  });

  test("are told with when they came and were seen last, by the clock of the wall", async () => {
    const kit = new StatementsKit();
    kit.query("select 1", 5_000);
    kit.query("select 2", 3_000);
    kit.nowMs += 2_000;
    const askedMs = Date.now();
    const [first] = await kit.list();
    const sinceMs = first?.sinceMs ?? 0;
    expect((first?.lastSeenMs ?? 0) - sinceMs).toBe(3_000);
    expect(sinceMs).toBeWithin(askedMs - 5_000, Date.now() - 5_000 + 1);
  });

  test("that were seen once were seen last when they came, though the clock ticks meanwhile", async () => {
    const kit = new StatementsKit();
    kit.query("select 1");
    let nowMs = Date.now();
    const clock = spyOn(Date, "now").mockImplementation(() => nowMs++);
    const [only] = await kit.list().finally(() => clock.mockRestore());
    expect(only?.lastSeenMs).toBe(only?.sinceMs ?? 0);
  });

  test("are one when only their shapes differ", async () => {
    const kit = new StatementsKit();
    kit.query("select a from t where b = -5", 2);
    kit.query("select a from t where b = 5", 3);
    kit.query("select t.a from t", 1);
    const list = await kit.list();
    expect(list.map(({ statement, calls, totalMs }) => [statement, calls, totalMs])).toEqual([
      ["select a from t where b = $1", 2, 5],
      ["select t.a from t", 1, 1],
    ]);
  });

  test("of many users in many databases are as many", async () => {
    const kit = new StatementsKit(1_000);
    for (let index = 0; index < 900; index++) {
      kit.query("select 1", 10, { session: session(`user-${index}`) });
    }
    expect(await kit.list()).toHaveLength(900);
  });

  test("of several users are several", async () => {
    const kit = new StatementsKit();
    kit.query("select 1", 2);
    kit.query("select 1", 1, { session: BOB });
    kit.query("select 2", 1, { session: session("alice") });
    const list = await kit.list();
    expect(list.map(({ user, calls }) => [user, calls])).toEqual([
      ["alice", 2],
      ["bob", 1],
    ]);
  });

  test("are known whether they are sent as a Query, parsed, or prepared before", async () => {
    const kit = new StatementsKit();
    const text = "update t set a = $1 where b = $2";
    const bind = frontend.bind("", "s1");
    kit.query("update t set a = 5 where b = 6", 1, { rows: 2 });
    const batch = Buffer.concat([frontend.parse(text), bind, frontend.execute()]);
    kit.unit(batch, 1, { text, rows: 3 });
    for (let times = 0; times < 2; times++) {
      kit.unit(Buffer.concat([bind, frontend.execute()]), 1, { text, rows: 4 });
    }
    expect(await kit.list()).toMatchObject([{ statement: text, calls: 4, rows: 13 }]);
  });

  test("that are only prepared are not counted", async () => {
    const kit = new StatementsKit();
    const request = Buffer.concat([frontend.parse("select 1"), frontend.sync()]);
    kit.unit(request, 1, { text: "select 1", rows: undefined });
    expect(await kit.list()).toEqual([]);
  });

  test("that have rows to come are counted", async () => {
    const kit = new StatementsKit();
    const request = Buffer.concat([
      frontend.parse("select 1"),
      frontend.bind(),
      frontend.execute(),
    ]);
    kit.unit(request, 1, { text: "select 1", rows: undefined });
    expect(await kit.list()).toMatchObject([{ calls: 1, rows: 0 }]);
  });

  test("that PostgreSQL does not understand show nothing of their text", async () => {
    const kit = new StatementsKit();
    kit.query("selekt 'secret'", 1, { sqlState: "42601", rows: undefined });
    kit.query("select 1", 2);
    const list = await kit.list();
    expect(list).toMatchObject([
      { statement: "select $1" },
      { statement: "", fingerprint: "", textLength: 15, errors: 1 },
    ]);
    expect(JSON.stringify(list)).not.toContain("secret");
  });

  test("whose text has not passed here are told of together", async () => {
    const kit = new StatementsKit();
    kit.unit(undefined, 2);
    kit.unit(frontend.bind("", "unknown"), 3, { sqlState: "26000" });
    const { statements, unlisted } = await kit.statements.report();
    expect(statements).toEqual([]);
    expect(unlisted).toEqual([
      { group: "default", block: "writes", calls: 2, totalMs: 5, errors: 1, evictions: 0 },
    ]);
  });

  test("take no more room than was said, whatever clients ask", async () => {
    const kit = new StatementsKit(20);
    for (let index = 0; index < 2_000; index++) kit.query(`select a${index}`, 10);
    const { statements, unlisted } = await kit.statements.report();
    expect(statements.length).toBeLessThanOrEqual(20);
    const calls = statements.reduce((sum, one) => sum + one.calls, 0);
    expect(calls + (unlisted[0]?.calls ?? 0)).toBe(2_000);
  });

  test("are counted anew after a reset", async () => {
    const kit = new StatementsKit();
    kit.query("select 1", 7);
    kit.unit(undefined, 2);
    kit.statements.reset();
    kit.query("select 1", 1);
    expect(await kit.list()).toMatchObject([{ calls: 1, totalMs: 1, maxMs: 1 }]);
    expect((await kit.statements.report()).unlisted).toMatchObject([{ calls: 0 }]);
  });
});

test("a long statement is shown in part", async () => {
  const kit = new StatementsKit();
  kit.query(`select ${"a, ".repeat(3_000)} b`);
  const [long] = await kit.list();
  expect(long?.statement.length).toBeLessThan(5_000);
  expect(long?.statement).toEndWith("...");
  expect(long?.textLength).toBeGreaterThan(9_000);
});

test("texts that come while others are read wait for the next time", async () => {
  const kit = new StatementsKit();
  for (let index = 0; index < 60; index++) kit.query(`select a${index}`);
  const first = kit.list();
  setImmediate(() => kit.query("select late"));
  expect(await first).toHaveLength(60);
  expect(await kit.list()).toHaveLength(61);
});

test("where none are to be counted nobody watches", () => {
  const statements = new Statements({
    grammar: { load: loadSql, normalize, fingerprint },
    now: () => 0,
  });
  expect(statements.watchOf("default", 0)).toBeUndefined();
});
