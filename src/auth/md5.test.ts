import { expect, test } from "bun:test";
import fc from "fast-check";
import { Hidden } from "./hidden.ts";
import { checkMd5Response, md5Hash, md5Response } from "./md5.ts";
import { deriveKeys, formatVerifier, verifierOf } from "./scram/index.ts";
import { parseSecret, type Secret } from "./secret.ts";

const SALT = Buffer.from([1, 2, 3, 4]);
const plain = (password: string): Secret => ({ kind: "plain", password: new Hidden(password) });

test("the hash is the one PostgreSQL stores", () => {
  // select 'md5' || md5('secret' || 'anna')
  expect(md5Hash("anna", new Hidden("secret")).reveal()).toBe(
    `md5${new Bun.CryptoHasher("md5").update("secretanna").digest("hex")}`,
  );
  expect(md5Hash("postgres", new Hidden("postgres")).reveal()).toBe(
    "md53175bce1d3201d16594cebf9d7eb3f9d",
  );
});

test("a response is right from the password and from the stored hash, in either place", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", minLength: 1 }),
      fc.string({ unit: "binary", minLength: 1 }),
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      (user, password, salt) => {
        const stored: Secret = { kind: "md5", hash: md5Hash(user, new Hidden(password)) };
        for (const mine of [plain(password), stored]) {
          const response = md5Response(user, mine, salt)?.reveal() ?? "";
          expect(response).toMatch(/^md5[0-9a-f]{32}$/);
          for (const theirs of [plain(password), stored]) {
            expect(checkMd5Response(response, user, theirs, salt)).toBe(true);
          }
        }
      },
    ),
  );
});

test("a response for another password, user or salt is wrong, and so is anything else", () => {
  const secret = plain("secret");
  const right = md5Response("anna", secret, SALT)?.reveal() ?? "";
  expect(checkMd5Response(right, "anna", secret, SALT)).toBe(true);
  expect(checkMd5Response(right, "bert", secret, SALT)).toBe(false);
  expect(checkMd5Response(right, "anna", plain("Secret"), SALT)).toBe(false);
  expect(checkMd5Response(right, "anna", secret, Buffer.from([1, 2, 3, 5]))).toBe(false);
  for (const other of ["", "md5", right.slice(0, -1), `${right}0`, "secret", right.toUpperCase()]) {
    expect(checkMd5Response(other, "anna", secret, SALT)).toBe(false);
  }
});

test("nothing is right without a secret that fits", async () => {
  const verifier = verifierOf(await deriveKeys(new Hidden("secret"), SALT, 1), SALT, 1);
  const scram = parseSecret(formatVerifier(verifier));
  for (const secret of [undefined, scram]) {
    expect(md5Response("anna", secret, SALT)).toBeUndefined();
    const mock = md5Response("anna", plain("mock"), SALT)?.reveal() ?? "";
    expect(checkMd5Response(mock, "anna", secret, SALT)).toBe(false);
  }
});
