import { describe, expect, test } from "bun:test";
import { statementTraits } from "../../postgres/statement-traits.ts";
import { PinBudget } from "./pin-budget.ts";
import { Pins } from "./pins.ts";

const newPins = (budget = new PinBudget(1), pinned = (_reason: string): void => {}): Pins =>
  new Pins("transaction", budget, { pinned });

function pinsAfter(...statements: readonly string[]): Pins {
  const pins = newPins();
  for (const sql of statements) pins.saw(statementTraits(sql).flags, false);
  return pins;
}

describe("a session", () => {
  test.each([
    "listen a",
    "create temp table a (b int)",
    "declare a cursor with hold for select 1",
    "select pg_advisory_lock(1)",
    "prepare a as select 1",
    "load 'auto_explain'",
  ])("is pinned by %s", (sql) => {
    expect(pinsAfter(sql).areNone).toBe(false);
  });

  test.each(["select 1", "set a.b = 1", "begin", "select pg_advisory_xact_lock(1)"])(
    "is not pinned by %s",
    (sql) => {
      expect(pinsAfter(sql).areNone).toBe(true);
    },
  );

  test.each([
    ["listen a", "unlisten *"],
    ["create temp table a (b int)", "discard temp"],
    ["declare a cursor with hold for select 1", "close all"],
    ["select pg_advisory_lock(1)", "select pg_advisory_unlock_all()"],
    ["prepare a as select 1", "deallocate all"],
    ["listen a; prepare b as select 1", "discard all"],
  ])("is pinned by %s until %s", (pinning, unpinning) => {
    expect(pinsAfter(pinning, unpinning).areNone).toBe(true);
    expect(pinsAfter(unpinning, pinning).areNone).toBe(false);
  });

  test("with two reasons is pinned until both are gone", () => {
    expect(pinsAfter("listen a; create temp table b (c int)", "unlisten *").areNone).toBe(false);
  });

  test("with a named statement is pinned until it is deallocated", () => {
    const pins = newPins();
    pins.saw(0, true);
    expect(pins.areNone).toBe(false);
    pins.saw(statementTraits("discard all").flags, false);
    expect(pins.areNone).toBe(true);
  });

  test("in session mode keeps its connection anyway", () => {
    const budget = new PinBudget(0);
    const pins = new Pins("session", budget, { pinned: () => {} });
    expect(pins.areNone).toBe(false);
    pins.saw(statementTraits("listen a").flags, false);
    expect(budget.pinned).toBe(0);
    pins.end();
    expect(budget.pinned).toBe(0);
  });
});

describe("the sessions of a block", () => {
  const flagsOf = (sql: string): number => statementTraits(sql).flags;
  const see = (pins: Pins, sql: string): void => pins.saw(flagsOf(sql), false);

  test("that are pinned are counted, once each, until they are not", () => {
    const budget = new PinBudget(2);
    const [one, two] = [newPins(budget), newPins(budget)];
    see(one, "listen a");
    see(one, "create temp table b (c int)");
    see(two, "listen a");
    expect(budget).toMatchObject({ pinned: 2, pins: 2, hasRoom: false });
    see(one, "unlisten *");
    expect(budget.pinned).toBe(2);
    see(one, "discard temp");
    expect(budget.pinned).toBe(1);
    one.end();
    two.end();
    expect(budget).toMatchObject({ pinned: 0, pins: 2, hasRoom: true });
  });

  test("are not pinned beyond what there may be, and else do as they like", () => {
    const budget = new PinBudget(1);
    const [one, two] = [newPins(budget), newPins(budget)];
    expect(two.allows(flagsOf("listen a"))).toBe(true);
    see(one, "listen a");
    expect(two.allows(flagsOf("listen a"))).toBe(false);
    expect(two.allows(flagsOf("set a.b to 1"))).toBe(true);
    expect(one.allows(flagsOf("create temp table b (c int)"))).toBe(true);
    expect(budget.refusals).toBe(1);
  });

  test("are told of with their reasons", () => {
    const reasons: string[] = [];
    const pins = newPins(undefined, (reason) => reasons.push(reason));
    see(pins, "listen a; create temp table b (c int)");
    see(pins, "select pg_advisory_lock(1)");
    see(pins, "discard all");
    see(pins, "load 'x'");
    expect(reasons).toEqual(["LISTEN, a temporary table", "settings that cannot be followed"]);
  });
});
