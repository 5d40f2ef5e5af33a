import { expect, test } from "bun:test";
import { ConnectionCaps } from "./connection-caps.ts";

const caps = new ConnectionCaps({ maxPerUser: 2, maxPerDatabase: 3 });

test("each user and each database has as many as it may, and its places back", () => {
  expect(caps.enter("anna", "shop", undefined)).toBeUndefined();
  expect(caps.enter("anna", "stock", undefined)).toBeUndefined();
  expect(caps.enter("anna", "other", undefined)).toBe("ERR_TOO_MANY_OF_USER");
  expect(caps.enter("bert", "shop", undefined)).toBeUndefined();
  expect(caps.enter("bert", "shop", undefined)).toBeUndefined();
  expect(caps.enter("carl", "shop", undefined)).toBe("ERR_TOO_MANY_OF_DATABASE");
  caps.leave("anna", "shop");
  expect(caps.enter("carl", "shop", undefined)).toBeUndefined();
  expect(caps.enter("anna", "other", undefined)).toBeUndefined();
});

test("a limit of its own wins, be it higher or lower", () => {
  expect(caps.enter("dora", "a", 1)).toBeUndefined();
  expect(caps.enter("dora", "a", 1)).toBe("ERR_TOO_MANY_OF_USER");
  expect(caps.enter("eric", "b", 3)).toBeUndefined();
  expect(caps.enter("eric", "b", 3)).toBeUndefined();
  expect(caps.enter("eric", "c", 3)).toBeUndefined();
  expect(caps.enter("eric", "c", 3)).toBe("ERR_TOO_MANY_OF_USER");
});

test("without limits there are none", () => {
  const open = new ConnectionCaps({ maxPerUser: undefined, maxPerDatabase: undefined });
  for (let count = 0; count < 1_000; count++) {
    expect(open.enter("anna", "shop", undefined)).toBeUndefined();
  }
});
