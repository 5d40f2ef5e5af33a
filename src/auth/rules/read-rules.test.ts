import { describe, expect, test } from "bun:test";
import { findRule, type LoginRequest } from "./login-rule.ts";
import { readRules, type RuleEntry } from "./read-rules.ts";

const REQUEST: LoginRequest = {
  host: "10.1.2.3",
  user: "anna",
  database: "shop",
  isEncrypted: true,
  isReplication: false,
};

/** The method for a client; "nobody" if no rule fits. */
function methodFor(entries: readonly RuleEntry[], request: Partial<LoginRequest> = {}): string {
  const { rules, problems } = readRules(entries);
  expect(problems).toEqual([]);
  return findRule(rules, { ...REQUEST, ...request })?.method ?? "nobody";
}

describe("rules of the configuration", () => {
  test("admit nobody if there are none", () => {
    expect(methodFor([])).toBe("nobody");
  });

  test("are tried in order, and the first that fits decides", () => {
    const rules: readonly RuleEntry[] = [
      { from: "10.1.0.0/16", user: "bert", method: "reject" },
      { from: ["local", "10.1.0.0/16"], method: "scram-sha-256" },
      { from: "10.0.0.0/8", method: "trust" },
    ];
    expect(methodFor(rules)).toBe("scram-sha-256");
    expect(methodFor(rules, { user: "bert" })).toBe("reject");
    expect(methodFor(rules, { host: "10.2.0.0" })).toBe("trust");
    expect(methodFor(rules, { host: "11.2.0.0" })).toBe("nobody");
    expect(methodFor(rules, { host: undefined })).toBe("scram-sha-256");
  });

  test("say which one it was", () => {
    const { rules } = readRules([{ from: "local", method: "trust" }, { method: "reject" }]);
    expect(findRule(rules, REQUEST)?.place).toBe("auth.rules[1]");
  });

  test.each<[RuleEntry, Partial<LoginRequest>, boolean]>([
    [{ method: "trust" }, {}, true],
    [{ method: "trust", from: "all" }, { host: undefined }, true],
    [{ method: "trust", from: "local" }, {}, false],
    [{ method: "trust", from: "0.0.0.0/0" }, { host: undefined }, false],
    [{ method: "trust", from: "10.0.0.0/8" }, { host: "::ffff:10.1.1.1" }, true],
    [{ method: "trust", from: "::1" }, { host: "::1" }, true],
    [{ method: "trust", from: "10.0.0.0/8" }, { host: "no address" }, false],
    [{ method: "trust", user: "anna" }, {}, true],
    [{ method: "trust", user: "Anna" }, {}, false],
    [{ method: "trust", user: ["bert", "anna"] }, {}, true],
    [{ method: "trust", user: "all" }, {}, false],
    [{ method: "trust", database: "shop" }, {}, true],
    [{ method: "trust", database: ["stock", "*"] }, {}, true],
    [{ method: "trust", database: "stock" }, {}, false],
    [{ method: "trust", database: "shop" }, { isReplication: true }, false],
    [{ method: "trust", database: "*" }, { isReplication: true }, true],
    [{ method: "trust", tls: true }, {}, true],
    [{ method: "trust", tls: true }, { isEncrypted: false }, false],
    [{ method: "trust", tls: false }, {}, false],
    [{ method: "trust", tls: "any" }, { isEncrypted: false }, true],
  ])("%j for %j fits: %p", (entry, request, fits) => {
    expect(methodFor([entry], request)).toBe(fits ? "trust" : "nobody");
  });

  test("tell all that is wrong at once, and are not used then", () => {
    const { rules, problems } = readRules([
      { from: ["10.0.0.0/8", "10.0.0.0/99"], method: "trust" },
      { from: "example.com", user: [], method: "cert" },
      { method: "reject" },
      { from: [], method: "cert", tls: true },
    ]);
    expect(rules).toEqual([]);
    expect(problems.map(({ index, key, message }) => `${index}.${key}: ${message}`)).toEqual([
      '0.from: "10.0.0.0/99" is no network, nor "local" or "all"',
      '1.from: "example.com" is no network, nor "local" or "all"',
      "1.user: an empty list fits nobody",
      '1.method: "cert" needs "tls: true": certificates come with TLS only',
      "3.from: an empty list fits nobody",
    ]);
  });
});
