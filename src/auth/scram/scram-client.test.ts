import { describe, expect, test } from "bun:test";
import { GatewayError } from "../../errors.ts";
import { Hidden } from "../hidden.ts";
import { ScramClient, type ScramClientOptions } from "./scram-client.ts";
import type { DeriveKeys } from "./scram-keys.ts";

const NONCE = Buffer.alloc(18, 1).toString("base64");
const SALT = Buffer.from("salty").toString("base64");

function clientWith(options: Partial<ScramClientOptions> = {}): ScramClient {
  return new ScramClient({
    offered: ["SCRAM-SHA-256"],
    credential: { kind: "password", password: new Hidden("pencil") },
    channelBinding: undefined,
    randomBytes: (count) => Buffer.alloc(count, 1),
    ...options,
  });
}

const text = (payload: Uint8Array): string => Buffer.from(payload).toString("latin1");

/** What goes wrong when the server answers so. */
async function faultOf(
  serverFirst: string,
  options: Partial<ScramClientOptions> = {},
): Promise<string> {
  const client = clientWith(options);
  client.first();
  return await messageOf(() => client.answer(Buffer.from(serverFirst)));
}

async function messageOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    expect(error.code).toBe("ERR_SERVER_LOGIN");
    return error.message;
  }
  return "nothing went wrong";
}

describe("the client's side of SCRAM", () => {
  test.each([
    [["SCRAM-SHA-256"], undefined, "SCRAM-SHA-256", "n,,"],
    [["SCRAM-SHA-256"], "binding", "SCRAM-SHA-256", "y,,"],
    [["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"], undefined, "SCRAM-SHA-256", "n,,"],
    [
      ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"],
      "binding",
      "SCRAM-SHA-256-PLUS",
      "p=tls-server-end-point,,",
    ],
  ])("offered %j with binding %j, takes %s", (offered, binding, mechanism, header) => {
    const channelBinding = binding === undefined ? undefined : Buffer.from(binding);
    const client = clientWith({ offered, channelBinding });
    expect(client.mechanism).toBe(mechanism);
    expect(text(client.first())).toBe(`${header}n=,r=${NONCE}`);
  });

  test("takes no mechanism that it does not know, or cannot bind", async () => {
    expect(await messageOf(() => clientWith({ offered: ["SCRAM-SHA-1\u001b", "X"] }))).toBe(
      "SCRAM login: the server offers none of the known mechanisms: SCRAM-SHA-1?, X",
    );
    expect(await messageOf(() => clientWith({ offered: ["SCRAM-SHA-256-PLUS"] }))).toContain(
      "offers none",
    );
  });

  test.each([
    ["a nonce that is not ours", `r=x${NONCE},s=${SALT},i=4096`, "wrong nonce"],
    ["a nonce without a part of its own", `r=${NONCE},s=${SALT},i=4096`, "wrong nonce"],
    ["no salt", `r=${NONCE}x,s=,i=4096`, `"s" that is not in base64`],
    ["a salt that is not in base64", `r=${NONCE}x,s=!,i=4096`, `"s" that is not in base64`],
    ["no iterations", `r=${NONCE}x,s=${SALT}`, "no attribute"],
    ["no number of iterations", `r=${NONCE}x,s=${SALT},i=many`, "no number"],
    ["zero iterations", `r=${NONCE}x,s=${SALT},i=0`, "no number"],
    [
      "too many iterations",
      `r=${NONCE}x,s=${SALT},i=100001`,
      "asks for 100001 iterations; at most 100000 are allowed",
    ],
    ["endless iterations", `r=${NONCE}x,s=${SALT},i=${"9".repeat(400)}`, "at most 100000"],
    ["a mandatory extension", `m=x,r=${NONCE}x,s=${SALT},i=4096`, "not supported"],
    ["attributes in the wrong order", `s=${SALT},r=${NONCE}x,i=4096`, "not in its place"],
    ["nothing", "", "no attribute"],
    ["too much", `r=${NONCE}${"x".repeat(2_000)}`, "bytes"],
  ])("refuses a server that gives %s", async (_name, message, expected) => {
    expect(await faultOf(message)).toContain(expected);
  });

  test("derives no key before all is known to be right", async () => {
    let derivations = 0;
    const deriveKeys: DeriveKeys = () => {
      derivations += 1;
      return Promise.reject(new Error("not to be called"));
    };
    await faultOf(`r=${NONCE}x,s=${SALT},i=2147483647`, { deriveKeys });
    await faultOf(`r=stranger,s=${SALT},i=4096`, { deriveKeys });
    expect(derivations).toBe(0);
  });

  test("lets the limit of iterations be set", async () => {
    expect(await faultOf(`r=${NONCE}x,s=${SALT},i=11`, { maxIterations: 10 })).toContain(
      "at most 10",
    );
    expect(await faultOf(`r=${NONCE}x,s=${SALT},i=10`, { maxIterations: 10 })).toBe(
      "nothing went wrong",
    );
  });

  test("refuses a server that does not know the password, or reports an error", async () => {
    const finals = [
      [`v=${Buffer.alloc(32).toString("base64")}`, "its signature is wrong"],
      ["v=YWJj", "its signature is wrong"],
      ["e=other\u0007error", "reports: other?error"],
      ["p=YWJj", "not in its place"],
      ["", "no attribute"],
    ] as const;
    for (const [final, expected] of finals) {
      const client = clientWith();
      client.first();
      await client.answer(Buffer.from(`r=${NONCE}x,s=${SALT},i=1`));
      expect(await messageOf(() => client.finish(Buffer.from(final)))).toContain(expected);
      expect(client.isVerified).toBe(false);
    }
  });

  test("refuses messages out of turn", async () => {
    const client = clientWith();
    expect(await messageOf(() => client.answer(Buffer.from("")))).toContain("out of turn");
    expect(await messageOf(() => client.finish(Buffer.from("")))).toContain("out of turn");
    client.first();
    expect(await messageOf(() => client.first())).toContain("out of turn");
    expect(await messageOf(() => client.finish(Buffer.from("")))).toContain("out of turn");
  });

  test("says when passed keys belong to another verifier than the server's", async () => {
    const key = Buffer.alloc(32, 5);
    const keys = { clientKey: key, serverKey: key, salt: Buffer.from("salty"), iterations: 4096 };
    const credential = { kind: "keys", keys: new Hidden(keys) } as const;
    expect(await faultOf(`r=${NONCE}x,s=${SALT},i=4096`, { credential })).toBe(
      "nothing went wrong",
    );
    for (const message of [`r=${NONCE}x,s=c3VnYXI=,i=4096`, `r=${NONCE}x,s=${SALT},i=4097`]) {
      expect(await faultOf(message, { credential })).toContain("another verifier");
    }
  });
});
