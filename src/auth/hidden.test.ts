import { expect, test } from "bun:test";
import { format, inspect } from "node:util";
import { Hidden } from "./hidden.ts";

test("a hidden value is seen only by who reveals it", () => {
  const user = { name: "anna", secret: new Hidden("swordfish") };
  expect(user.secret.reveal()).toBe("swordfish");
  const printed = [
    `${user.secret}`,
    String(user.secret),
    JSON.stringify(user),
    inspect(user, { depth: 9, showHidden: true }),
    format("%o %j %s", user, user, user.secret),
    Bun.inspect(user),
  ];
  for (const text of printed) {
    expect(text).not.toContain("swordfish");
    expect(text).toContain("***");
  }
});
