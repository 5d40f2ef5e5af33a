import { expect, test } from "bun:test";
import { Hidden } from "./hidden.ts";
import { deriveKeys, formatVerifier, verifierOf } from "./scram/index.ts";
import { parseSecret } from "./secret.ts";

const SALT = Buffer.from("0123456789abcdef");
const VERIFIER = formatVerifier(
  verifierOf(await deriveKeys(new Hidden("secret"), SALT, 3), SALT, 3),
);
const HASH = "md5a3556571e93b0d20722ba62be61e8c2d";

test.each([
  ["secret", "plain"],
  [HASH, "md5"],
  [HASH.toUpperCase(), "plain"],
  [`${HASH}0`, "plain"],
  [` ${HASH}`, "plain"],
  [VERIFIER, "scram"],
  ["SCRAM-SHA-256", "plain"],
])("%s is %s", (text, kind) => {
  expect(parseSecret(text)?.kind as string).toBe(kind);
});

test("a verifier with a mistake is no password, and nothing is none either", () => {
  expect(parseSecret(VERIFIER.slice(0, -1))).toBeUndefined();
  expect(parseSecret("SCRAM-SHA-256$4096:x")).toBeUndefined();
  expect(parseSecret("")).toBeUndefined();
});

test("no secret prints", () => {
  for (const text of ["swordfish", HASH, VERIFIER]) {
    const secret = parseSecret(text);
    const printed = `${Bun.inspect(secret, { depth: 9 })} ${JSON.stringify({ secret })}`;
    expect(printed).toContain("***");
    for (const part of text.split(/[$:]/).filter((part) => part.length > 8)) {
      if (part !== "SCRAM-SHA-256") expect(printed).not.toContain(part);
    }
  }
});
