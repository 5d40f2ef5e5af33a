import { expect, test } from "bun:test";
import { inOrder, matches } from "./order.ts";

test("rows are put in order by numbers and by names, either way", () => {
  const rows = [{ n: 10 }, { n: 2 }, { n: 33 }];
  expect(inOrder(rows, ({ n }) => n, "ascending").map(({ n }) => n)).toEqual([2, 10, 33]);
  expect(inOrder(rows, ({ n }) => n, "descending").map(({ n }) => n)).toEqual([33, 10, 2]);
  const names = ["app10", "App2", "app1", "Zoo"];
  expect(inOrder(names, (name) => name, "ascending")).toEqual(["app1", "App2", "app10", "Zoo"]);
});

test("what has no value comes last, and equal rows stay as they were", () => {
  const rows = [undefined, 1, undefined, 2].map((n, at) => ({ n, at }));
  const order = (direction: "ascending" | "descending") =>
    inOrder(rows, ({ n }) => n, direction).map(({ at }) => at);
  expect(order("ascending")).toEqual([1, 3, 0, 2]);
  expect(order("descending")).toEqual([3, 1, 0, 2]);
});

test("a filter asks for all of its words, in any case and any column", () => {
  const texts = ["shop", "10.0.0.7:5123", "Idle"];
  expect(matches(texts, "")).toBe(true);
  expect(matches(texts, "  IDLE sho ")).toBe(true);
  expect(matches(texts, "idle admin")).toBe(false);
  expect(matches(texts, "shop10")).toBe(false);
});
