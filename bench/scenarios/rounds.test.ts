import { expect, test } from "bun:test";
import { turnOrder } from "./rounds.ts";

test("every entry has one turn in a round, and each begins once in as many rounds as there are entries", () => {
  const entries = ["a", "b", "c", "d", "e"];
  const rounds = [0, 2, 4, 6, 8].map((round) => turnOrder(entries, round));
  for (const round of rounds) expect([...round].sort()).toEqual(entries);
  expect(new Set(rounds.map((round) => round[0])).size).toBe(entries.length);
});

test("rounds go forwards and backwards in turn", () => {
  expect(turnOrder(["a", "b", "c"], 0)).toEqual(["a", "b", "c"]);
  expect(turnOrder(["a", "b", "c"], 1)).toEqual(["a", "c", "b"]);
});
