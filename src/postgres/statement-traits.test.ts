import { describe, expect, test } from "bun:test";
import { MAX_READ_CHARACTERS, Trait, UNKNOWN_TRAITS, statementTraits } from "./statement-traits.ts";

type Name = keyof typeof Trait;

const DISCARD_ALL: readonly Name[] = [
  "Settings",
  "Literals",
  "UnlistenAll",
  "DiscardTemporary",
  "CloseAll",
  "AdvisoryUnlockAll",
  "DeallocateAll",
  "DiscardSequences",
];

function namesOf(flags: number): readonly string[] {
  return Object.entries(Trait)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name);
}

describe("the traits of a statement", () => {
  test.each<[string, readonly Name[]]>([
    ["select 1", []],
    ["update t set a = 1 where b = 'set x'", []],
    ["insert into temperatures values (1)", []],
    ["select temp from weather", []],
    ["select 'listen'; -- listen", []],
    ['select "listen"', []],
    ["set application_name = 'a'", ["Settings"]],
    ["  /* who */ SET x TO 1", ["Settings"]],
    ["select 1; set x to 1", ["Settings", "Several"]],
    ["begin; set local x to 1; commit", ["Begin", "LocalSettings", "Several"]],
    ["set transaction isolation level serializable", []],
    ["set constraints all deferred", []],
    ["set session characteristics as transaction read only", ["Settings"]],
    ["reset all", ["Settings", "Literals"]],
    ["set DateStyle to german", ["Settings", "Literals"]],
    ["set local time zone 'UTC'", ["LocalSettings", "Literals"]],
    ["set local role a", ["LocalSettings"]],
    ["set local statement_timeout = 1", []],
    ["select set_config('a.b', '1', false)", ["Settings", "Literals", "Untracked"]],
    ["do $$ begin perform 1; end $$", ["Settings", "Literals", "Untracked"]],
    ["listen a", ["Listen"]],
    ["unlisten a", []],
    ["unlisten *", ["UnlistenAll"]],
    ["create temp table a (b int)", ["Temporary"]],
    ["CREATE TEMPORARY VIEW a AS SELECT 1", ["Temporary"]],
    ["create or replace temp view a as select 1", ["Temporary"]],
    ["create local temporary table a (b int)", ["Temporary"]],
    ["select 1 into temp a", ["Temporary"]],
    ["create table pg_temp.a (b int)", ["Temporary"]],
    ["declare a cursor with hold for select 1", ["HoldCursor"]],
    ["declare a cursor for select 1", []],
    ["close all", ["CloseAll"]],
    ["select pg_advisory_lock(1)", ["AdvisoryLock"]],
    ["select pg_catalog.pg_try_advisory_lock_shared (1, 2)", ["AdvisoryLock"]],
    ['select "pg_advisory_lock"(1)', ["AdvisoryLock"]],
    ["select pg_advisory_xact_lock(1)", []],
    ["select pg_advisory_unlock(1)", []],
    ["select pg_advisory_unlock_all()", ["AdvisoryUnlockAll"]],
    ["prepare a as select 1", ["Prepare"]],
    ["prepare transaction 'a'", []],
    ["execute a(1)", ["Execute"]],
    ["explain analyze execute a", ["Execute"]],
    ["explain select 1", []],
    ["create table a as execute b", ["Execute"]],
    ["create trigger a after insert on b execute function c()", []],
    ["deallocate a", ["Deallocate"]],
    ["deallocate prepare a", ["Deallocate"]],
    ["deallocate all", ["DeallocateAll"]],
    ["deallocate prepare all", ["DeallocateAll"]],
    ["select lastval()", ["SequenceState"]],
    ["select currval('s')", ["SequenceState"]],
    ["select nextval('s')", []],
    ["discard all", DISCARD_ALL],
    ["discard temp", ["DiscardTemporary"]],
    ["discard sequences", ["DiscardSequences"]],
    ["discard plans", []],
    ["begin", ["Begin"]],
    ["start transaction read only", ["Begin"]],
    ["load 'auto_explain'", ["Untracked"]],
    ["set session authorization a", ["Settings", "Untracked"]],
  ])("%s", (sql, names) => {
    expect(namesOf(statementTraits(sql).flags).toSorted()).toEqual(names.toSorted());
  });

  test.each<[string, readonly string[]]>([
    ['set a = 1; set session B."C" to 2; set a = 3', ["a", "b.c"]],
    ["set time zone 'UTC'", ["timezone"]],
    ["set names 'latin1'", ["client_encoding"]],
    ["set schema 'x'", ["search_path"]],
    ["set role none", ["role"]],
    ["set session authorization 'a'", ["session_authorization"]],
    ["reset session authorization", ["session_authorization"]],
    ["reset time zone", ["timezone"]],
    ["set local = 1", ["local"]],
    ["set session to 1", ["session"]],
    ["reset x", ["x"]],
    ["reset all", ["*"]],
    ["discard all", ["*"]],
    [
      "set session characteristics as transaction isolation level serializable",
      [
        "default_transaction_isolation",
        "default_transaction_read_only",
        "default_transaction_deferrable",
      ],
    ],
  ])("settings of %s", (sql, settings) => {
    expect(statementTraits(sql).settings).toEqual(settings);
  });
});

test.each<[string, readonly string[]]>([
  ["reset DateStyle", ["datestyle"]],
  ["RESET ALL", ["*"]],
  ["discard all", ["*", "role"]],
  ["set datestyle to default", ["datestyle"]],
  ["set session time zone local", ["timezone"]],
  ["set x.y = DEFAULT; reset role", ["x.y", "role"]],
  ["set datestyle to 'default'", []],
  ["set search_path to local", []],
  ["set local datestyle to default", []],
  ["discard temp", []],
])("%s goes back to the startup", (text, resets) => {
  expect(statementTraits(text).resets).toEqual(resets);
});

test("a text that is too long to be read may do anything, unless it certainly has no traits", () => {
  const values = "(1),".repeat(MAX_READ_CHARACTERS / 4);
  const insert = `insert into t values ${values}(1)`;
  expect(statementTraits(insert).flags).toBe(0);
  expect(statementTraits(`${insert}; set x = 1`)).toBe(UNKNOWN_TRAITS);
  expect(statementTraits(`${insert}; select pg_advisory_lock(1)`)).toBe(UNKNOWN_TRAITS);
  const longest = `set x = '${"y".repeat(MAX_READ_CHARACTERS - 10)}'`;
  expect(statementTraits(longest).settings).toEqual(["x"]);
  expect(statementTraits(`${longest} `)).toBe(UNKNOWN_TRAITS);
});

test("millions of lines with nothing on them are looked at once", () => {
  const lines = "\n".repeat(4_000_000);
  expect(statementTraits(`select 1${lines}`).flags).toBe(0);
  expect(statementTraits(`select 1${lines}set x = 1`)).toBe(UNKNOWN_TRAITS);
});
