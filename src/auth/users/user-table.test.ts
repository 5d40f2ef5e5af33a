import { expect, test } from "bun:test";
import { Hidden } from "../hidden.ts";
import type { Secret } from "../secret.ts";
import { type User, UserTable } from "./user-table.ts";

const KEY = Buffer.alloc(32);
const plain: Secret = { kind: "plain", password: new Hidden("x") };
const scram = (iterations: number): Secret => ({
  kind: "scram",
  verifier: new Hidden({ iterations, salt: KEY, storedKey: KEY, serverKey: KEY }),
});
const md5: Secret = { kind: "md5", hash: new Hidden("md5") };

function tableOf(...secrets: readonly (Secret | undefined)[]): UserTable {
  const none = { databases: undefined, maxConnections: undefined, validUntilMs: undefined };
  return new UserTable(
    secrets.map((secret, index): User => ({ name: `u${index}`, secret, ...none })),
  );
}

test("a name finds its user, and names of every object find none", () => {
  const table = tableOf(plain, md5);
  expect(table.size).toBe(2);
  expect(table.lookup("u1").user?.secret).toBe(md5);
  for (const name of ["", "U1", "u2", "__proto__", "constructor"]) {
    expect(table.lookup(name).user).toBeUndefined();
  }
});

test("an unknown user resembles most of the known ones", () => {
  const cases: readonly (readonly [readonly (Secret | undefined)[], object])[] = [
    [[], { kind: "scram", iterations: 4096 }],
    [[undefined], { kind: "scram", iterations: 4096 }],
    [[plain], { kind: "plain", iterations: 4096 }],
    [[plain, md5, md5, undefined, undefined, undefined], { kind: "md5", iterations: 4096 }],
    [[scram(4096), scram(10_000), plain, scram(10_000)], { kind: "scram", iterations: 10_000 }],
  ];
  for (const [secrets, decoy] of cases)
    expect(tableOf(...secrets).lookup("x").decoy).toEqual(decoy as never);
});
