import { expect, test } from "bun:test";
import { sharedParameters } from "./shared-parameters.ts";

function parameters(name: string): ReadonlyMap<string, string> {
  return new Map([
    ["TimeZone", "UTC"],
    ["application_name", name],
  ]);
}

test("equal parameters are one object, in any order", () => {
  const first = sharedParameters(parameters("one"));
  expect(sharedParameters(parameters("two"))).not.toBe(first);
  expect(sharedParameters(new Map([...parameters("one")].toReversed()))).toBe(first);
  expect(first).toEqual(parameters("one"));
});

test("parameters with one more or fewer are others", () => {
  const first = sharedParameters(parameters("three"));
  const more = sharedParameters(new Map([...first, ["DateStyle", "ISO, MDY"]]));
  expect(more).not.toBe(first);
  expect(sharedParameters(new Map([...first].slice(1))).size).toBe(1);
});

test("only the sets used last are remembered", () => {
  const first = sharedParameters(parameters("first"));
  for (let at = 0; at < 31; at++) sharedParameters(parameters(`other ${at}`));
  expect(sharedParameters(parameters("first"))).toBe(first);
  for (let at = 0; at < 32; at++) sharedParameters(parameters(`another ${at}`));
  expect(sharedParameters(parameters("first"))).not.toBe(first);
});
