import { describe, expect, test } from "bun:test";
import { statementTraits } from "../../postgres/statement-traits.ts";
import { Pins } from "./pins.ts";

function pinsAfter(...statements: readonly string[]): Pins {
  const pins = new Pins("transaction");
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
    const pins = new Pins("transaction");
    pins.saw(0, true);
    expect(pins.areNone).toBe(false);
    pins.saw(statementTraits("discard all").flags, false);
    expect(pins.areNone).toBe(true);
  });

  test("in session mode keeps its connection anyway", () => {
    expect(new Pins("session").areNone).toBe(false);
  });
});
