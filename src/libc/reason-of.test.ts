import { expect, test } from "bun:test";
import { reasonOf } from "./reason-of.ts";

test.each([
  ["ECONNREFUSED", "connection refused (ECONNREFUSED)"],
  ["ENOTFOUND", "no such host (ENOTFOUND)"],
  ["ERR_OF_ITS_OWN", "ERR_OF_ITS_OWN"],
])("the code %s is told of in words where there are any", (code, expected) => {
  expect(reasonOf(Object.assign(new Error("Failed to connect"), { code }))).toBe(expected);
});
