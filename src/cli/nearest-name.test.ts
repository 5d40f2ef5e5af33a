import { expect, test } from "bun:test";
import { nearestName } from "./nearest-name.ts";

test.each([
  ["confg", "config"],
  ["cofnig", "config"],
  ["CONFIG", "config"],
  ["conf", "config"],
  ["plugin-confg", "plugin-config"],
  ["rnu", "run"],
  ["hlep", "help"],
  ["x", undefined],
  ["runner", undefined],
  ["", undefined],
])("%p is taken for %p", (typed, expected) => {
  expect(nearestName(typed, ["config", "help", "plugin", "plugin-config", "run"])).toBe(expected);
});
