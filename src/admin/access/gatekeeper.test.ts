import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../errors.ts";
import type { Role } from "./caller.ts";
import { Gatekeeper } from "./gatekeeper.ts";
import type { Credentials } from "./gatekeeper.ts";

const TOKEN = "0f5c7d";
const sha256 = new Bun.CryptoHasher("sha256").update(TOKEN).digest("hex");

function ask(
  credentials: Partial<Credentials>,
  anonymous?: Role,
  strangers: unknown[] = [],
): string {
  const gatekeeper = new Gatekeeper(
    {
      tokens: [{ name: "deploy", role: "operator", sha256 }],
      certificates: [{ name: "ops.example", role: "admin" }],
      anonymous,
    },
    (stranger) => strangers.push(stranger),
  );
  try {
    const { name, role } = gatekeeper.identify({
      door: "rest",
      address: "127.0.0.1",
      authorization: undefined,
      certificateNames: [],
      ...credentials,
    });
    return `${name} ${role}`;
  } catch (thrown) {
    return GatewayError.from(thrown).code;
  }
}

describe("who asks", () => {
  test.each([
    ["a known token", { authorization: `Bearer ${TOKEN}` }, `deploy operator`],
    ["the word in any case", { authorization: `bearer  ${TOKEN}` }, `deploy operator`],
    ["a known certificate", { certificateNames: ["ops.example"] }, `ops.example admin`],
    ["an unknown token", { authorization: "Bearer 0f5c7e" }, "ERR_ADMIN_UNAUTHENTICATED"],
    ["its hash", { authorization: `Bearer ${sha256}` }, "ERR_ADMIN_UNAUTHENTICATED"],
    ["an empty token", { authorization: "Bearer " }, "ERR_ADMIN_UNAUTHENTICATED"],
    ["another scheme", { authorization: `Basic ${TOKEN}` }, "ERR_ADMIN_UNAUTHENTICATED"],
    ["an unknown certificate", { certificateNames: ["x"] }, "ERR_ADMIN_UNAUTHENTICATED"],
    [
      "an unknown token beside a known certificate",
      { authorization: "Bearer x", certificateNames: ["ops.example"] },
      "ERR_ADMIN_UNAUTHENTICATED",
    ],
    ["nothing", {}, "ERR_ADMIN_UNAUTHENTICATED"],
  ] as const)("is told by %s", (_, credentials, expected) => {
    expect(ask(credentials)).toBe(expected);
  });

  test("is noticed when it is shown and not known, and not when nothing is shown", () => {
    const strangers: unknown[] = [];
    ask({ authorization: `Bearer ${TOKEN}` }, undefined, strangers);
    ask({}, undefined, strangers);
    ask({ certificateNames: ["x"] }, "viewer", strangers);
    expect(strangers).toEqual([]);
    ask({ authorization: "Bearer x" }, "viewer", strangers);
    ask({ certificateNames: ["x"] }, undefined, strangers);
    expect(strangers).toMatchObject([{ authorization: "Bearer x" }, { certificateNames: ["x"] }]);
  });

  test("does not matter where everybody may come in, unless it is said wrongly", () => {
    expect(ask({}, "viewer")).toBe(`anonymous viewer`);
    expect(ask({ authorization: `Bearer ${TOKEN}` }, "viewer")).toBe(`deploy operator`);
    expect(ask({ authorization: "Bearer x" }, "viewer")).toBe("ERR_ADMIN_UNAUTHENTICATED");
  });
});
