import { expect, test } from "bun:test";
import { checkPassword } from "./check-password.ts";
import { Hidden } from "./hidden.ts";
import { md5Hash } from "./md5.ts";
import { deriveKeys, verifierOf } from "./scram/index.ts";
import type { Secret } from "./secret.ts";

const SALT = Buffer.from("0123456789abcdef");

/** The same password in all three forms. */
async function storedForms(user: string, password: string): Promise<readonly Secret[]> {
  const hidden = new Hidden(password);
  const verifier = verifierOf(await deriveKeys(hidden, SALT, 5), SALT, 5);
  return [
    { kind: "plain", password: hidden },
    { kind: "md5", hash: md5Hash(user, hidden) },
    { kind: "scram", verifier: new Hidden(verifier) },
  ];
}

test.each(["secret", "päss wörd", "密码", "x".repeat(500)])(
  "%s is right in whatever form it is stored, and no other password is",
  async (password) => {
    for (const secret of await storedForms("anna", password)) {
      expect(await checkPassword(new Hidden(password), "anna", secret)).toBe(true);
      for (const other of ["", `${password} `, password.slice(1), "Secret"]) {
        expect(await checkPassword(new Hidden(other), "anna", secret)).toBe(false);
      }
    }
  },
);

test("an md5 hash is good for its own user only", async () => {
  const [, hash] = await storedForms("anna", "secret");
  if (hash === undefined) throw new Error("no hash");
  expect(await checkPassword(new Hidden("secret"), "bert", hash)).toBe(false);
});

test("a stored hash or verifier is not itself the password", async () => {
  const [, hash] = await storedForms("anna", "secret");
  if (hash?.kind !== "md5") throw new Error("no hash");
  expect(await checkPassword(hash.hash, "anna", hash)).toBe(false);
});
