import { describe, expect, test } from "bun:test";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import { silentLogger } from "../logging/index.ts";
import { Sharing, SharedText } from "./index.ts";
import type { CatalogueAnswer, SharingScope } from "./index.ts";
import type { Parser } from "../sql/index.ts";

const NEVER_ASKED = () => Promise.reject(new Error("nobody is to be asked"));

function newSharing(): Sharing {
  const [clock, logger] = [new FakeClock(), silentLogger];
  return new Sharing({ block: "b", allowFunctions: [], clock, logger });
}

function look(scope: SharingScope, sql: string): SharedText | undefined {
  const bytes = Buffer.from(`Q${sql}\0`);
  return scope.look(bytes, 1, bytes.length - 1);
}

describe("statements of a scope", () => {
  test("are the same with other numbers and strings", () => {
    const scope = newSharing().scope("u/d", "", NEVER_ASKED);
    const one = look(scope, "select 1, 'a'");
    expect(one).toBeInstanceOf(SharedText);
    expect(look(scope, "select 22,\n'b'")).toBe(one);
    expect(look(scope, "select 1, 2")).not.toBe(one);
    expect(look(scope, "select 1, 'a")).toBeUndefined();
  });

  test("are others in another scope", () => {
    const sharing = newSharing();
    const elsewhere = sharing.scope("u/d", "search_path=x", NEVER_ASKED);
    const scopes = [sharing.scope("u/d", "", NEVER_ASKED), sharing.scope("u/e", "", NEVER_ASKED)];
    expect(new Set([elsewhere, ...scopes].map((scope) => look(scope, "select 1"))).size).toBe(3);
    expect(sharing.scope("u/d", "search_path=x", NEVER_ASKED)).toBe(elsewhere);
  });

  test("are forgotten when there are too many, those in use last", () => {
    const scope = newSharing().scope("u/d", "", NEVER_ASKED);
    const used = look(scope, "select used");
    const unused = look(scope, "select unused");
    for (let name = 0; name < 12_000; name++) {
      look(scope, `select a${name}`);
      if (name % 1_000 === 0) look(scope, "select used");
    }
    expect(look(scope, "select used")).toBe(used);
    expect(look(scope, "select unused")).not.toBe(unused);
  });
});

const SHARED: CatalogueAnswer = { rows: [["may be shared"]], error: undefined };
const EXCLUSIVE: CatalogueAnswer = { rows: [["a view"]], error: undefined };

/** A scope whose database is played by the test. */
class Stage {
  readonly clock = new FakeClock();
  readonly logger = new MemoryLogger();
  readonly sharing: Sharing;
  readonly scope: SharingScope;
  /** Questions that wait for their answers. */
  readonly asked: PromiseWithResolvers<CatalogueAnswer>[] = [];
  readonly queries: string[] = [];
  loads = 0;
  grammar: Parser = { parse: () => ({ stmts: [{ stmt: { SelectStmt: {} } }] }) };

  constructor() {
    const { clock, logger } = this;
    const load = () => {
      this.loads++;
      return Promise.resolve(this.grammar);
    };
    this.sharing = new Sharing({ block: "b", allowFunctions: [], clock, logger, load });
    this.scope = this.sharing.scope("u/d", "", (sql) => {
      this.queries.push(sql);
      const question = Promise.withResolvers<CatalogueAnswer>();
      this.asked.push(question);
      return question.promise;
    });
  }

  look(sql: string): SharedText {
    const text = look(this.scope, sql);
    if (text === undefined) throw new Error(`no key: ${sql}`);
    return text;
  }

  isShared(sql: string): boolean {
    return this.look(sql).isShared;
  }

  /** Answers the question that was asked last. */
  async answer(answer: CatalogueAnswer): Promise<void> {
    await settled();
    this.asked.at(-1)?.resolve(answer);
    await settled();
  }

  async fail(): Promise<void> {
    await settled();
    this.asked.at(-1)?.reject(new Error("no connection"));
    await settled();
  }
}

/** All that waits for nothing but its turn has happened. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("a statement", () => {
  test("is not shared until the database has said that it may be", async () => {
    const stage = new Stage();
    expect(stage.isShared("select 1")).toBe(false);
    await settled();
    expect(stage.asked).toHaveLength(1);
    expect(stage.isShared("select 2")).toBe(false);
    await stage.answer(SHARED);
    expect(stage.isShared("select 3")).toBe(true);
    expect(stage.scope.find(Buffer.from("select 4"), 0, 8)).toBe(stage.look("select 1"));
    expect(stage.asked).toHaveLength(1);
  });

  test("that is prepared needs parameters of PostgreSQL's own types", async () => {
    const stage = new Stage();
    const isShared = (types: readonly number[]) => {
      const body = Buffer.alloc(2 + 4 * types.length);
      body.writeInt16BE(types.length);
      types.forEach((type, at) => body.writeUInt32BE(type, 2 + 4 * at));
      const bytes = Buffer.concat([Buffer.from("name\0select $1\0"), body, Buffer.from("B...")]);
      return stage.scope.findParse(bytes, 5, bytes.length - 4) !== undefined;
    };
    expect(isShared([])).toBe(false);
    await stage.answer(SHARED);
    expect(isShared([])).toBe(true);
    expect(isShared([25, 0, 16_383])).toBe(true);
    expect(isShared([25, 16_384])).toBe(false);
    expect(isShared([65_536, 0])).toBe(false);
    expect(isShared([0xff00_0019])).toBe(false);
    expect(stage.scope.findParse(Buffer.from("select $1"), 0, 9)).toBeUndefined();
  });

  test.each<[string, CatalogueAnswer]>([
    ["what speaks against it", EXCLUSIVE],
    ["an error", { rows: [["may be shared"]], error: { message: "out of memory" } }],
    ["nothing", { rows: [], error: undefined }],
    ["no value", { rows: [[null]], error: undefined }],
  ])("is exclusive for a minute after %p", async (_what, answer) => {
    const stage = new Stage();
    stage.isShared("select 1");
    await stage.answer(answer);
    expect(stage.isShared("select 1")).toBe(false);
    await settled();
    expect(stage.asked).toHaveLength(1);
    stage.clock.advance(60_000);
    expect(stage.isShared("select 1")).toBe(false);
    await stage.answer(SHARED);
    expect(stage.isShared("select 1")).toBe(true);
  });

  test("stays shared while it is checked again, unless it was not used for long", async () => {
    const stage = new Stage();
    stage.isShared("select 1");
    await stage.answer(SHARED);
    stage.clock.advance(60_000);
    expect(stage.isShared("select 1")).toBe(true);
    await settled();
    expect(stage.asked).toHaveLength(2);
    stage.clock.advance(60_001);
    expect(stage.isShared("select 1")).toBe(false);
    await stage.answer(SHARED);
    expect(stage.isShared("select 1")).toBe(true);
    // Nobody uses it: nothing is asked, and nothing waits.
    stage.clock.advance(600_000);
    expect(stage.clock.timerCount).toBe(0);
    expect(stage.asked).toHaveLength(2);
    expect(stage.isShared("select 1")).toBe(false);
  });

  test("is checked again after definitions have changed, also while it was checked", async () => {
    const stage = new Stage();
    stage.isShared("select 1");
    await stage.answer(SHARED);
    const other = stage.sharing.scope("u/d", "a=b", NEVER_ASKED);
    other.definitionsChanged();
    expect(stage.isShared("select 1")).toBe(false);
    await settled();
    other.definitionsChanged();
    await stage.answer(SHARED);
    expect(stage.isShared("select 1")).toBe(false);
    await stage.answer(SHARED);
    expect(stage.isShared("select 1")).toBe(true);
    expect(stage.asked).toHaveLength(3);
  });

  test("is not checked for a minute when nobody could be asked", async () => {
    const stage = new Stage();
    stage.isShared("select 1");
    stage.isShared("select a");
    await stage.fail();
    expect(stage.isShared("select 1")).toBe(false);
    await settled();
    expect(stage.asked).toHaveLength(1);
    expect(stage.logger.count("cannot check which statements may be shared")).toBe(1);
    stage.clock.advance(60_000);
    stage.isShared("select 1");
    await stage.answer(SHARED);
    expect(stage.isShared("select 1")).toBe(true);
  });

  test("is never shared when the grammar says so, and then not asked for", async () => {
    const stage = new Stage();
    stage.grammar = { parse: () => ({ stmts: [] }) };
    stage.isShared("select 1");
    await settled();
    stage.clock.advance(120_000);
    expect(stage.isShared("select 1")).toBe(false);
    await settled();
    expect(stage.asked).toHaveLength(0);
    expect(stage.logger.records.at(-1)?.fields).toMatchObject({ reason: "not one statement" });
  });

  test("waits while the grammar rests after one that took long", async () => {
    const stage = new Stage();
    const quick = stage.grammar;
    stage.grammar = {
      parse: (sql) => {
        stage.clock.advance(20);
        return quick.parse(sql);
      },
    };
    stage.isShared("select a");
    await stage.answer(SHARED);
    stage.isShared("select b");
    await settled();
    expect(stage.asked).toHaveLength(1);
    stage.clock.advance(180);
    stage.isShared("select b");
    await stage.answer(SHARED);
    expect(stage.isShared("select b")).toBe(true);
  });

  test("that breaks the parser has another one loaded", async () => {
    const stage = new Stage();
    const good = stage.grammar;
    stage.grammar = {
      parse: () => {
        throw new WebAssembly.RuntimeError("unreachable");
      },
    };
    stage.isShared("select a");
    await settled();
    expect(stage.isShared("select a")).toBe(false);
    stage.grammar = good;
    stage.clock.advance(60_000);
    stage.isShared("select b");
    await stage.answer(SHARED);
    expect(stage.isShared("select b")).toBe(true);
    expect(stage.loads).toBe(2);
  });

  test("is one of so many that wait for their verdicts, ten in one question", async () => {
    const stage = new Stage();
    const shared = () => {
      const names = Array.from({ length: 60 }, (_, name) => stage.isShared(`select a${name}`));
      return names.filter(Boolean).length;
    };
    shared();
    for (let answered = 0; answered < 10; answered++) await stage.answer(SHARED);
    expect(stage.asked).toHaveLength(6);
    expect(shared()).toBe(50);
    await stage.answer(SHARED);
    await stage.answer(SHARED);
    expect(shared()).toBe(60);
    expect(stage.asked).toHaveLength(8);
  });

  test("is found among those that were asked for with it", async () => {
    const stage = new Stage();
    const names = ["first", "a", "b", "c", "d"];
    const shared = () => names.filter((name) => stage.isShared(`select ${name}`));
    stage.grammar = {
      parse: (sql) => {
        const relname = sql.slice("select ".length);
        const from = [{ RangeVar: { relname } }];
        return { stmts: [{ stmt: { SelectStmt: { fromClause: from } } }] };
      },
    };
    const answerAll = async () => {
      await settled();
      for (let asked = 0; asked < stage.asked.length; asked++) {
        const isAgainst = stage.queries.at(-1)?.includes('"c"') === true;
        await stage.answer(isAgainst ? EXCLUSIVE : SHARED);
      }
    };
    shared();
    await answerAll();
    expect(shared()).toEqual(["first", "a", "b", "d"]);
    const namesIn = (query: string) => names.filter((name) => query.includes(`"${name}"`)).join("");
    expect(stage.queries.map(namesIn)).toEqual(["first", "abcd", "ab", "cd", "c", "d"]);
    // Next time it is known where it hurts.
    stage.clock.advance(60_000);
    shared();
    await answerAll();
    expect(shared()).toEqual(["first", "a", "b", "d"]);
    expect(stage.queries.slice(6).map(namesIn)).toEqual(["first", "c", "abd"]);
  });

  test("is asked for no more when the gateway knows too many databases", async () => {
    const stage = new Stage();
    stage.isShared("select 1");
    await stage.answer(SHARED);
    for (let name = 0; name < 1_000; name++) stage.sharing.scope(`u/${name}`, "", NEVER_ASKED);
    expect(stage.isShared("select 1")).toBe(false);
    await settled();
    expect(stage.asked).toHaveLength(1);
  });

  test("leaves no timer when its block is closed", async () => {
    const stage = new Stage();
    stage.isShared("select 1");
    await stage.answer(SHARED);
    expect(stage.clock.timerCount).toBe(1);
    stage.sharing.close();
    expect(stage.clock.timerCount).toBe(0);
  });

  test("has a usual time that follows what it takes", () => {
    const text = new Stage().look("select 1");
    expect(text.usualMs).toBe(0);
    text.answered(4, 100);
    expect(text.usualMs).toBe(4);
    for (let times = 0; times < 50; times++) text.answered(8, 100);
    expect(text.usualMs).toBeCloseTo(8, 1);
  });

  test("is not shared any more after a large answer", async () => {
    const stage = new Stage();
    stage.isShared("select 1");
    await stage.answer(SHARED);
    stage.look("select 1").answered(1, 65_536);
    expect(stage.isShared("select 1")).toBe(true);
    stage.look("select 1").answered(1, 65_537);
    expect(stage.look("select 1").isLarge).toBe(true);
    expect(stage.isShared("select 1")).toBe(false);
  });

  test("is shown without its numbers and strings", () => {
    expect(String(new Stage().look("select 1, 'secret', \"A\" -- b"))).toBe('select ?, ?, "A"');
  });
});
