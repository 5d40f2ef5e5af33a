import { describe, expect, test } from "bun:test";
import { Hidden } from "../hidden.ts";
import { deriveKeys, formatVerifier, hmac, parseVerifier, verifierOf, xor } from "./scram-keys.ts";

const base64 = (text: string): Buffer => Buffer.from(text, "base64");

describe("the keys of SCRAM-SHA-256", () => {
  test("are those of the example in RFC 7677", async () => {
    const salt = base64("W22ZaJ0SNY7soEsUEjb6gQ==");
    const keys = await deriveKeys(new Hidden("pencil"), salt, 4096);
    const { storedKey } = verifierOf(keys, salt);
    const authMessage = [
      "n=user,r=rOprNGfwEbeRWgbNEkqO",
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
    ].join(",");
    const proof = xor(keys.clientKey, hmac(storedKey, authMessage));
    expect(proof.toString("base64")).toBe("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    const signature = hmac(keys.serverKey, authMessage);
    expect(signature.toString("base64")).toBe("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  });
});

describe("a verifier", () => {
  test("is read and written in PostgreSQL's notation", async () => {
    const salt = Buffer.from("0123456789abcdef");
    const verifier = verifierOf(await deriveKeys(new Hidden("secret"), salt, 7), salt, 7);
    const text = formatVerifier(verifier);
    expect(text).toMatch(/^SCRAM-SHA-256\$7:MDEyMzQ1Njc4OWFiY2RlZg==\$[^:]{44}:[^:]{44}$/);
    expect(formatVerifier(parseVerifier(text) ?? verifier)).toBe(text);
    expect(parseVerifier(text)?.iterations).toBe(7);
  });

  const key = Buffer.alloc(32, 7).toString("base64");
  const short = Buffer.alloc(31, 7).toString("base64");
  test.each([
    "",
    "secret",
    `SCRAM-SHA-1$4096:c2FsdA==$${key}:${key}`,
    `SCRAM-SHA-256$0:c2FsdA==$${key}:${key}`,
    `SCRAM-SHA-256$4294967296:c2FsdA==$${key}:${key}`,
    `SCRAM-SHA-256$4096:$${key}:${key}`,
    `SCRAM-SHA-256$4096:c2FsdA$${key}:${key}`,
    `SCRAM-SHA-256$4096:c2FsdA==$${short}:${key}`,
    `SCRAM-SHA-256$4096:c2FsdA==$${key}:${short}`,
    `SCRAM-SHA-256$4096:c2FsdA==$${key}`,
    `SCRAM-SHA-256$4096:c2FsdA==$${key}:${key}\n`,
    `SCRAM-SHA-256$4096:c2FsdA==$${key}:${key}:x`,
  ])("is not read from %j", (text) => {
    expect(parseVerifier(text)).toBeUndefined();
  });
});
