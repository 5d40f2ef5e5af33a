import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { checkPassword } from "./check-password.ts";
import { Hidden } from "./hidden.ts";
import { deriveKeys, formatVerifier, ScramKeyCache, verifierOf } from "./scram/index.ts";
import { ScramSecrets } from "./scram-secrets.ts";
import { parseSecret } from "./secret.ts";
import type { Decoy, User, UserLookup } from "./users/index.ts";

const DECOY: Decoy = { kind: "scram", iterations: 5 };
const SALT = Buffer.from("0123456789abcdef");

function lookupOf(stored: string | undefined, decoy = DECOY): UserLookup {
  const user: User = {
    name: "anna",
    secret: stored === undefined ? undefined : parseSecret(stored),
    databases: undefined,
    maxConnections: undefined,
    validUntilMs: undefined,
  };
  return { user, decoy };
}

const UNKNOWN: UserLookup = { user: undefined, decoy: DECOY };

describe("what SCRAM proofs are checked against", () => {
  test("is the user's verifier", async () => {
    const verifier = verifierOf(await deriveKeys(new Hidden("secret"), SALT, 7), SALT, 7);
    const secret = new ScramSecrets(randomBytes(32)).of("anna", lookupOf(formatVerifier(verifier)));
    expect(secret).toMatchObject({ iterations: 7, salt: SALT, isMock: false });
    expect(await secret.keys()).toMatchObject({ storedKey: verifier.storedKey });
  });

  test("is derived from the user's password, once", async () => {
    let derivations = 0;
    const cache = new ScramKeyCache((...arguments_) => {
      derivations += 1;
      return deriveKeys(...arguments_);
    });
    const secrets = new ScramSecrets(randomBytes(32), cache);
    const secret = secrets.of("anna", lookupOf("secret"));
    expect(derivations).toBe(0);
    const expected = verifierOf(
      await deriveKeys(new Hidden("secret"), secret.salt, 5),
      secret.salt,
    );
    expect((await secret.keys()).storedKey).toEqual(expected.storedKey);
    await secrets.of("anna", lookupOf("secret")).keys();
    expect(derivations).toBe(1);
  });

  test("is a mock for everyone else, that looks the same", async () => {
    const secrets = new ScramSecrets(randomBytes(32));
    const real = secrets.of("anna", lookupOf("secret"));
    const others = [UNKNOWN, lookupOf(undefined), lookupOf(`md5${"0".repeat(32)}`)];
    for (const lookup of others) {
      const mock = secrets.of("anna", lookup);
      expect(mock.isMock).toBe(true);
      // The salt of a user does not even change when it comes or goes.
      expect(mock.salt).toEqual(real.salt);
      expect(mock.iterations).toBe(real.iterations);
      expect((await mock.keys()).storedKey).toHaveLength(32);
    }
  });

  test("has the same salt each time, another for each user, another in each process", () => {
    const secrets = new ScramSecrets(randomBytes(32));
    const saltOf = (name: string, of = secrets): string =>
      Buffer.from(of.of(name, UNKNOWN).salt).toString("hex");
    expect(saltOf("nobody")).toBe(saltOf("nobody"));
    expect(saltOf("nobody")).toHaveLength(32);
    const all = [saltOf("nobody"), saltOf("nobodz"), saltOf("nöbody"), saltOf("n\u0151body")];
    all.push(saltOf("nobody", new ScramSecrets(randomBytes(32))));
    expect(new Set(all).size).toBe(all.length);
  });

  test.each(["plain", "md5", "scram"] as const)("a mock secret can be %s", async (kind) => {
    const secrets = new ScramSecrets(randomBytes(32));
    const mock = secrets.mockSecret("nobody", { kind, iterations: 3 });
    expect(mock.kind).toBe(kind);
    expect(await checkPassword(new Hidden(""), "nobody", mock)).toBe(false);
  });
});
