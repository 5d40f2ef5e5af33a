import { beforeAll, describe, expect, test } from "bun:test";
import { MemoryLogger } from "../../../tests/fixtures/memory-logger.ts";
import { frontend, opening } from "../../../tests/fixtures/wire/index.ts";
import { HookRegistry } from "../../hooks/index.ts";
import type { HookName, HookOutcome, SessionView } from "../../hooks/index.ts";
import { loadSql } from "../../sql/index.ts";
import { compileCondition } from "../index.ts";
import { registerRules } from "./register-rules.ts";
import { RuleCounts } from "./rule.ts";
import type { Rule, RuleAction } from "./rule.ts";

const ERROR = { sqlState: "42501", message: "not for you" };
const TERMINATE: RuleAction = { kind: "terminate", error: ERROR };
const { query, parse, sync } = frontend;

function rule(text: string, action: RuleAction, more: Partial<Rule> = {}): Rule {
  const compiled = compileCondition(text);
  if ("problem" in compiled) throw new Error(compiled.problem);
  const { condition } = compiled;
  const hook = "OnTrafficFromClient";
  const counts = new RuleCounts();
  return { name: "r", hook, condition, action, isDryRun: false, counts, ...more };
}

function session(user: string | undefined): SessionView {
  return {
    id: "1",
    user,
    database: "shop",
    applicationName: undefined,
    transactionStatus: "inTransaction",
  };
}

function setUp(...rules: readonly Rule[]) {
  const logger = new MemoryLogger();
  let nowMs = 0;
  const registry = new HookRegistry({
    schedule: () => () => {},
    onHandlerError: (_hook, _name, error) => {
      throw error;
    },
    onHandlerReplaced: () => {},
  });
  const remove = registerRules(registry, rules, {
    logger,
    connectionFields: ({ id }) => ({ connectionId: id }),
    now: () => nowMs,
    batchBytes: 1_000,
  });
  const run = (
    request: Uint8Array,
    options: { readonly user?: string; readonly client?: string; readonly hook?: HookName } = {},
  ): HookOutcome | undefined => {
    const { user = "alice", client = "10.0.0.1:5", hook = "OnTrafficFromClient" } = options;
    const payload = { client: { local: "", remote: client }, error: "", request };
    const outcome = registry.chain(hook).chain?.run(payload, session(user));
    if (outcome instanceof Promise) throw new Error("rules answer at once");
    return outcome;
  };
  const isEnded = (...parameters: Parameters<typeof run>) =>
    run(...parameters)?.kind === "terminate";
  return { logger, registry, remove, run, isEnded, pass: (ms: number) => (nowMs += ms) };
}

beforeAll(loadSql);

describe("a rule", () => {
  test("that terminates does so with its error, where its condition is met", () => {
    const { run, isEnded, logger } = setUp(
      rule(
        'statements.exists(s, s.startsWith("drop table")) && session.user != "admin"',
        TERMINATE,
      ),
    );
    expect(run(query("DROP /**/ TABLE x"))).toEqual({
      kind: "terminate",
      response: undefined,
      error: ERROR,
      by: "rules",
    });
    expect(isEnded(Buffer.concat([parse("select 1"), parse("drop table x"), sync()]))).toBe(true);
    expect(isEnded(query("DROP TABLE x"), { user: "admin" })).toBe(false);
    expect(isEnded(query("select 'drop table'"))).toBe(false);
    expect(isEnded(opening.startup())).toBe(false);
    expect(logger.records[0]).toEqual({
      level: "info",
      message: "A rule has ended a request",
      fields: {
        rule: "r",
        hook: "OnTrafficFromClient",
        user: "alice",
        database: "shop",
        client: "10.0.0.1",
        statement: "drop table x",
        connectionId: "1",
      },
    });
  });

  test("sees the payload, and the session as far as it is known", () => {
    const { isEnded } = setUp(
      rule(
        `payload.client.remote == "[::1]:7" && session.address == "::1" && session.database == "shop"
          && session.applicationName == "" && session.transactionStatus == "inTransaction"`,
        TERMINATE,
      ),
    );
    expect(isEnded(query("x"), { client: "[::1]:7" })).toBe(true);
    expect(isEnded(query("x"))).toBe(false);
  });

  test("sees which tables a statement names; what cannot be told counts as met", () => {
    const { isEnded } = setUp(rule('"secrets" in tables', TERMINATE));
    expect(isEnded(query("select * from t join (select 1 from Secrets) s on true"))).toBe(true);
    expect(isEnded(Buffer.concat([parse("select 1"), parse("delete from secrets"), sync()]))).toBe(
      true,
    );
    expect(isEnded(query("select 'secrets' from t -- secrets"))).toBe(false);
    expect(isEnded(query("selec * from t"))).toBe(true);
    expect(isEnded(opening.startup())).toBe(false);
  });

  test("that logs lets the next one look; one that ends is the last", () => {
    const log: RuleAction = { kind: "log", level: "warn", message: "looked" };
    const { isEnded, logger } = setUp(
      rule("true", log),
      rule('query == "x"', TERMINATE),
      rule("true", { ...log, message: "last" }),
    );
    expect(isEnded(query("x"))).toBe(true);
    expect([logger.count("looked"), logger.count("last")]).toEqual([1, 0]);
    expect(isEnded(query("y"))).toBe(false);
    expect([logger.count("looked"), logger.count("last")]).toEqual([2, 1]);
  });

  test("whose condition cannot be evaluated counts as met", () => {
    const { isEnded, logger } = setUp(rule('query.split(",")[1] == "b"', TERMINATE));
    expect(isEnded(query("a,c"))).toBe(false);
    expect(isEnded(query("a"))).toBe(true);
    expect(logger.records[0]).toMatchObject({
      level: "error",
      message: "The condition of a rule could not be evaluated, and counts as met",
      fields: { rule: "r", hook: "OnTrafficFromClient", connectionId: "1" },
    });
  });

  test("in a dry run says what it would have done, and lets everything pass", () => {
    const isDryRun = true;
    const { isEnded, logger } = setUp(
      rule("true", TERMINATE, { isDryRun }),
      rule("true", { kind: "log", level: "error", message: "alarm" }, { isDryRun }),
    );
    expect(isEnded(query("x"))).toBe(false);
    expect(logger.records.map(({ message }) => message)).toEqual([
      "A rule would have ended a request",
      "A rule would have logged",
    ]);
  });

  test("is on its hook only, and gone when it is taken off", () => {
    const { registry, remove, isEnded } = setUp(rule("true", TERMINATE, { hook: "OnOpening" }));
    expect(registry.chain("OnTrafficFromClient").chain).toBeNull();
    expect(isEnded(query("x"), { hook: "OnOpening" })).toBe(true);
    remove();
    expect(registry.chain("OnOpening").chain).toBeNull();
  });
});

describe("a limit of the rate", () => {
  const limit = (per: "user" | "address" | "fingerprint"): RuleAction => ({
    kind: "rateLimit",
    per,
    requests: 2,
    intervalMs: 1_000,
    error: ERROR,
  });

  test("of a user ends what is too much, until time has passed", () => {
    const { isEnded, run, pass } = setUp(rule("true", limit("user")));
    expect([1, 2, 3].map(() => isEnded(query("x")))).toEqual([false, false, true]);
    expect(run(query("x"))).toMatchObject({ kind: "terminate", error: ERROR });
    expect(isEnded(query("x"), { user: "bob" })).toBe(false);
    pass(500);
    expect([1, 2].map(() => isEnded(query("x")))).toEqual([false, true]);
  });

  test("of an address counts clients of one host together", () => {
    const { isEnded } = setUp(rule("true", limit("address")));
    const ended = ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3", "10.0.0.2:4"].map((client) =>
      isEnded(query("x"), { client }),
    );
    expect(ended).toEqual([false, false, true, false]);
  });

  test("of a fingerprint counts statements together that differ in their values", () => {
    const { isEnded } = setUp(rule("true", limit("fingerprint")));
    const ended = ["select 1", "select 2", "select 3", "select 'x'"].map((sql) =>
      isEnded(query(sql)),
    );
    expect(ended).toEqual([false, false, true, false]);
  });

  test("counts requests that its condition is met by, and nothing that asks for no work", () => {
    const { isEnded } = setUp(rule('query != "free"', limit("user")));
    for (const bytes of [query("free"), opening.startup(), sync(), query("free")]) {
      expect(isEnded(bytes)).toBe(false);
    }
    expect([1, 2, 3].map(() => isEnded(query("x")))).toEqual([false, false, true]);
  });

  test("counts connections on a hook of connections", () => {
    const { isEnded } = setUp(rule("true", limit("address"), { hook: "OnOpening" }));
    const open = () => isEnded(Buffer.alloc(0), { hook: "OnOpening" });
    expect([open(), open(), open()]).toEqual([false, false, true]);
  });
});
