import { expect, test } from "bun:test";
import { StatementTable } from "./statement-table.ts";

const SCOPE = { user: "alice", database: "shop" };

/** Counts one call of a statement. */
function call(table: StatementTable, key: number, ms: number): void {
  const entry = table.find(key) ?? table.add(key, SCOPE, `select ${key}`, 0);
  entry.calls++;
  entry.totalMs += ms;
  entry.maxMs = Math.max(entry.maxMs, ms);
}

function keys(table: StatementTable): readonly string[] {
  return [...table.entries].map(({ text = "" }) => text.replace("select ", ""));
}

test("a full table lets those go that have taken least", () => {
  const table = new StatementTable(10);
  for (let key = 1; key <= 10; key++) call(table, key, key);
  expect(table.evictions).toBe(0);
  call(table, 11, 0.5);
  expect(keys(table)).toEqual(["2", "3", "4", "5", "6", "7", "8", "9", "10", "11"]);
  expect(table.evictions).toBe(1);
});

test("what has gone is told of all the same, so that nothing is missing from the sums", () => {
  const table = new StatementTable(10);
  for (let key = 1; key <= 100; key++) call(table, key, 2);
  const listed = [...table.entries].reduce((sum, { totalMs }) => sum + totalMs, 0);
  expect(listed + table.unlisted.totalMs).toBe(200);
  expect(table.unlisted).toMatchObject({ calls: 90, totalMs: 180, maxMs: 2 });
  expect(table.evictions).toBe(90);
});

test("heavy ones stay through any number of others, and their figures are true", () => {
  const table = new StatementTable(20);
  for (let round = 0; round < 1_000; round++) {
    call(table, 1, 50);
    call(table, 2, 30);
    call(table, 1_000 + round, 1);
  }
  expect(table.find(1)).toMatchObject({ calls: 1_000, totalMs: 50_000 });
  expect(table.find(2)).toMatchObject({ calls: 1_000, totalMs: 30_000 });
});

test("one that becomes heavy late can stay, though all places are taken by what others have done", () => {
  const table = new StatementTable(10);
  for (let key = 0; key < 10; key++) call(table, key, 1_000);
  for (let round = 0; round < 50; round++) {
    call(table, 500 + round, 1);
    call(table, 99, 100);
  }
  expect(table.find(99)).toMatchObject({ calls: 50, totalMs: 5_000 });
});

test("whatever takes more than its share of all time is there", () => {
  const table = new StatementTable(50);
  const spent = new Map<number, number>();
  let seed = 7;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let round = 0; round < 20_000; round++) {
    const key = Math.floor(1 / (random() + 0.0005));
    const ms = random() * 3;
    spent.set(key, (spent.get(key) ?? 0) + ms);
    call(table, key, ms);
  }
  const total = [...spent.values()].reduce((sum, ms) => sum + ms, 0);
  const heavy = [...spent].filter(([, ms]) => ms > total / (0.9 * 50));
  expect(heavy.length).toBeGreaterThan(3);
  for (const [key] of heavy) expect(table.find(key)).toBeDefined();
});

test("a long text is counted, and not kept", () => {
  const table = new StatementTable(10);
  const entry = table.add(1, SCOPE, "x".repeat(100_000), 5);
  expect(entry).toMatchObject({ text: undefined, textLength: 100_000, sinceMs: 5 });
});

test("cleared, it is as new", () => {
  const table = new StatementTable(2);
  for (let key = 1; key <= 9; key++) call(table, key, 1);
  table.clear();
  expect(keys(table)).toEqual([]);
  expect(table.unlisted).toMatchObject({ calls: 0, totalMs: 0 });
  expect(table.evictions).toBe(0);
});
