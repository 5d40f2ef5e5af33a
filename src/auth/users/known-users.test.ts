import { expect, test } from "bun:test";
import { parseSecret } from "../secret.ts";
import { KnownUsers } from "./known-users.ts";
import type { User } from "./user-table.ts";

const MD5 = `md5${"0".repeat(32)}`;

function userOf(name: string, stored = "secret"): User {
  const limits = { databases: undefined, maxConnections: undefined, validUntilMs: undefined };
  return { name, secret: parseSecret(stored), ...limits };
}

test("the latest answer counts, be it that there is a user or none", () => {
  const known = new KnownUsers();
  expect(known.find("anna")).toBeUndefined();
  known.learn("anna", undefined, 1);
  expect(known.find("anna")).toEqual({ user: undefined, sinceMs: 1 });
  known.learn("anna", userOf("anna"), 2);
  expect(known.find("anna")).toMatchObject({ user: { name: "anna" }, sinceMs: 2 });
  known.learn("anna", undefined, 3);
  expect(known.find("anna")).toEqual({ user: undefined, sinceMs: 3 });
});

test("those not used for longest are forgotten first, and nobody pushes out a user", () => {
  const known = new KnownUsers(2);
  known.learn("anna", userOf("anna"), 1);
  known.learn("bert", userOf("bert"), 1);
  for (let count = 0; count < 10; count++) known.learn(`nobody-${count}`, undefined, 1);
  expect(known.find("anna")?.user?.name).toBe("anna");
  known.learn("carl", userOf("carl"), 1);
  expect(["anna", "bert", "carl"].map((name) => known.find(name) !== undefined)).toEqual([
    true,
    false,
    true,
  ]);
  expect(known.find("nobody-7")).toBeUndefined();
  expect(known.find("nobody-9")).toEqual({ user: undefined, sinceMs: 1 });
});

test("the decoy has the form that most users have, as they come and go", () => {
  const known = new KnownUsers();
  expect(known.decoy).toBeUndefined();
  known.learn("anna", userOf("anna", MD5), 1);
  expect(known.decoy?.kind).toBe("md5");
  known.learn("bert", userOf("bert"), 1);
  known.learn("carl", userOf("carl"), 1);
  expect(known.decoy?.kind).toBe("plain");
  known.learn("bert", undefined, 2);
  known.learn("carl", userOf("carl", MD5), 2);
  expect(known.decoy?.kind).toBe("md5");
});
