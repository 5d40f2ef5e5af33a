import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { Hidden } from "../hidden.ts";
import { ScramClient, type ScramCredential } from "./scram-client.ts";
import { deriveKeys, verifierOf } from "./scram-keys.ts";
import { type ScramProof, ScramServer } from "./scram-server.ts";

interface Exchange {
  readonly credential: ScramCredential;
  readonly stored: string;
  readonly salt: Uint8Array;
  readonly iterations: number;
  readonly clientBinding?: Uint8Array | undefined;
  readonly serverBinding?: Uint8Array | undefined;
}

/** Both roles against each other; answers the proof, which the client has found to be right too. */
async function login(exchange: Exchange): Promise<ScramProof | undefined> {
  const { salt, iterations, serverBinding } = exchange;
  const keys = await deriveKeys(new Hidden(exchange.stored), salt, iterations);
  const verifier = verifierOf(keys, salt, iterations);
  const plus = serverBinding === undefined ? [] : ["SCRAM-SHA-256-PLUS"];
  const client = new ScramClient({
    offered: [...plus, "SCRAM-SHA-256"],
    credential: exchange.credential,
    channelBinding: exchange.clientBinding,
    randomBytes,
  });
  const server = new ScramServer({
    mechanism: client.mechanism,
    secret: { ...verifier, keys: () => Promise.resolve(verifier), isMock: false },
    channelBinding: serverBinding,
    nonce: randomBytes(18).toString("base64"),
  });
  const proof = await server.finish(await client.answer(server.first(client.first())));
  if (proof === undefined) return undefined;
  client.finish(proof.serverFinal);
  expect(client.isVerified).toBe(true);
  return proof;
}

const password = (value: string): ScramCredential => ({
  kind: "password",
  password: new Hidden(value),
});
const passwords = fc.string({ unit: "binary", minLength: 1, maxLength: 40 });
const salts = fc.uint8Array({ minLength: 1, maxLength: 40 });
const iterations = fc.integer({ min: 1, max: 20 });
const bindings = fc.option(fc.uint8Array({ minLength: 20, maxLength: 64 }), { nil: undefined });

test("whoever knows the password gets in, bound or not, and by the keys of the proof too", async () => {
  await fc.assert(
    fc.asyncProperty(
      passwords,
      salts,
      iterations,
      bindings,
      async (word, salt, rounds, binding) => {
        const common = { stored: word, salt, iterations: rounds };
        const bound = { clientBinding: binding, serverBinding: binding };
        const proof = await login({ ...common, ...bound, credential: password(word) });
        if (proof === undefined) throw new Error("the right password was refused");
        const passed = await login({ ...common, credential: { kind: "keys", keys: proof.keys } });
        expect(passed?.keys.reveal()).toEqual(proof.keys.reveal());
      },
    ),
    { numRuns: 100 },
  );
});

test("nobody else gets in", async () => {
  const words = fc.string({ minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(words, words, salts, async (right, wrong, salt) => {
      fc.pre(right !== wrong);
      const common = { stored: right, salt, iterations: 2 };
      expect(await login({ ...common, credential: password(wrong) })).toBeUndefined();
    }),
    { numRuns: 100 },
  );
});

test("a binding to another connection is refused", async () => {
  const attempt = login({
    stored: "secret",
    salt: Buffer.from("salt"),
    iterations: 2,
    credential: password("secret"),
    clientBinding: Buffer.from("of the man in the middle"),
    serverBinding: Buffer.from("of the gateway"),
  });
  await expect(attempt).rejects.toMatchObject({ code: "ERR_AUTH_CHANNEL_BINDING" });
});
