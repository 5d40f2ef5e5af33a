import { beforeAll, describe, expect, test } from "bun:test";
import { GatewayError, type ErrorCode } from "../../errors.ts";
import { Hidden } from "../hidden.ts";
import { deriveKeys, hmac, type ScramKeys, verifierOf, xor } from "./scram-keys.ts";
import { type ExchangeSecret, ScramServer } from "./scram-server.ts";

const SALT = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
const SERVER_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const CLIENT_NONCE = "rOprNGfwEbeRWgbNEkqO";
const NONCE = CLIENT_NONCE + SERVER_NONCE;
const PROOF = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
const BINDING = Buffer.from("hash of a certificate");

let keys: ScramKeys;
let secret: ExchangeSecret;

beforeAll(async () => {
  keys = await deriveKeys(new Hidden("pencil"), SALT, 4096);
  const verifier = verifierOf(keys, SALT);
  secret = { ...verifier, keys: () => Promise.resolve(verifier), isMock: false };
});

function serverFor(isPlus = false, channelBinding?: Uint8Array, of = secret): ScramServer {
  const mechanism = isPlus ? "SCRAM-SHA-256-PLUS" : "SCRAM-SHA-256";
  return new ScramServer({ mechanism, secret: of, channelBinding, nonce: SERVER_NONCE });
}

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");
const text = (payload: Uint8Array): string => Buffer.from(payload).toString("latin1");

/** A client-final message with the right proof for what was said. */
function finalMessage(bare: string, serverFirst: string, withoutProof: string): Buffer {
  const verifier = verifierOf(keys, SALT);
  const signature = hmac(verifier.storedKey, `${bare},${serverFirst},${withoutProof}`);
  return bytes(`${withoutProof},p=${xor(keys.clientKey, signature).toString("base64")}`);
}

function codeOf(run: () => unknown): ErrorCode | undefined {
  try {
    run();
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
  return undefined;
}

async function codeOfFinish(server: ScramServer, message: string): Promise<ErrorCode | undefined> {
  try {
    await server.finish(bytes(message));
  } catch (error) {
    if (error instanceof GatewayError) return error.code;
    throw error;
  }
  return undefined;
}

describe("the server's side of SCRAM", () => {
  test("answers the example of RFC 7677", async () => {
    const server = serverFor();
    expect(text(server.first(bytes(`n,,n=user,r=${CLIENT_NONCE}`)))).toBe(
      `r=${NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
    );
    const proof = await server.finish(bytes(`c=biws,r=${NONCE},p=${PROOF}`));
    expect(text(proof?.serverFinal ?? bytes(""))).toBe(
      "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    );
    expect(proof?.keys.reveal()).toEqual({ ...keys, salt: SALT, iterations: 4096 });
  });

  test("finds a wrong proof", async () => {
    const server = serverFor();
    server.first(bytes(`n,,n=user,r=${CLIENT_NONCE}`));
    expect(await server.finish(bytes(`c=biws,r=${NONCE},p=${PROOF.replace("d", "e")}`))).toBe(
      undefined,
    );
  });

  test("takes no proof for right where nobody can log in", async () => {
    const server = serverFor(false, undefined, { ...secret, isMock: true });
    server.first(bytes(`n,,n=user,r=${CLIENT_NONCE}`));
    expect(await server.finish(bytes(`c=biws,r=${NONCE},p=${PROOF}`))).toBeUndefined();
  });

  test("passes over optional extensions, which the proof covers", async () => {
    const server = serverFor();
    const bare = `n=user,r=${CLIENT_NONCE},x=1,y=two=2`;
    const first = text(server.first(bytes(`n,,${bare}`)));
    const final = finalMessage(bare, first, `c=biws,r=${NONCE},z=3`);
    expect(await server.finish(final)).toBeDefined();
  });

  test("signs exactly the bytes that came, also those that are no UTF-8", async () => {
    const server = serverFor();
    const bare = `n=us\xe9r\xff,r=${CLIENT_NONCE}`;
    const first = text(server.first(bytes(`n,,${bare}`)));
    expect(await server.finish(finalMessage(bare, first, `c=biws,r=${NONCE}`))).toBeDefined();
  });

  test.each([
    ["no GS2 header", `n=user,r=${CLIENT_NONCE}`],
    ["nothing at all", ""],
    ["an unknown flag", `x,,n=,r=${CLIENT_NONCE}`],
    ["a flag with a value", `n=1,,n=,r=${CLIENT_NONCE}`],
    ["a binding of an unknown type", `p=tls-unique,,n=,r=${CLIENT_NONCE}`],
    ["a binding without PLUS", `p=tls-server-end-point,,n=,r=${CLIENT_NONCE}`],
    ["another identity", `n,a=root,n=,r=${CLIENT_NONCE}`],
    ["something in the place of the identity", `n,x,n=,r=${CLIENT_NONCE}`],
    ["a mandatory extension", `n,,m=must,n=,r=${CLIENT_NONCE}`],
    ["a mandatory extension at the end", `n,,n=,r=${CLIENT_NONCE},m=must`],
    ["attributes in the wrong order", `n,,r=${CLIENT_NONCE},n=`],
    ["no nonce", "n,,n="],
    ["an empty nonce", "n,,n=,r="],
    ["a nonce with a space", "n,,n=,r=a b"],
    ["a nonce with a control character", "n,,n=,r=a\x01"],
    ["a comma at the end", `n,,n=,r=${CLIENT_NONCE},`],
    ["no attribute", `n,,n=,r=${CLIENT_NONCE},nonsense`],
    ["a zero byte", `n,,n=,r=${CLIENT_NONCE}\0`],
    ["too much", `n,,n=,r=${"x".repeat(1_100)}`],
  ])("refuses a first message with %s", (_name, message) => {
    const server = serverFor();
    expect(codeOf(() => server.first(bytes(message)))).toBe("ERR_PROTOCOL_VIOLATION");
    expect(codeOf(() => server.first(bytes(`n,,n=,r=${CLIENT_NONCE}`)))).toBe(
      "ERR_PROTOCOL_VIOLATION",
    );
  });

  test.each([
    ["another nonce", `c=biws,r=${CLIENT_NONCE},p=${PROOF}`],
    ["another GS2 header", `c=eSws,r=${NONCE},p=${PROOF}`],
    ["a GS2 header with more behind it", `c=biwsYQ==,r=${NONCE},p=${PROOF}`],
    ["attributes in the wrong order", `r=${NONCE},c=biws,p=${PROOF}`],
    ["a mandatory extension", `c=biws,r=${NONCE},m=must,p=${PROOF}`],
    ["no proof", `c=biws,r=${NONCE}`],
    ["a proof of the wrong length", `c=biws,r=${NONCE},p=YWJj`],
    ["a proof that is not in base64", `c=biws,r=${NONCE},p=${PROOF.slice(1)}`],
    ["something behind the proof", `c=biws,r=${NONCE},p=${PROOF},x=1`],
    ["a comma behind the proof", `c=biws,r=${NONCE},p=${PROOF},`],
    ["nothing", ""],
  ])("refuses a final message with %s", async (_name, message) => {
    const server = serverFor();
    server.first(bytes(`n,,n=user,r=${CLIENT_NONCE}`));
    expect(await codeOfFinish(server, message)).toBe("ERR_PROTOCOL_VIOLATION");
    expect(await codeOfFinish(server, `c=biws,r=${NONCE},p=${PROOF}`)).toBe(
      "ERR_PROTOCOL_VIOLATION",
    );
  });

  test("refuses a final message in the place of the first, and a mechanism it did not offer", async () => {
    expect(await codeOfFinish(serverFor(), `c=biws,r=${NONCE},p=${PROOF}`)).toBe(
      "ERR_PROTOCOL_VIOLATION",
    );
    expect(codeOf(() => serverFor(true))).toBe("ERR_PROTOCOL_VIOLATION");
    const options = { secret, channelBinding: undefined, nonce: SERVER_NONCE };
    expect(codeOf(() => new ScramServer({ ...options, mechanism: "SCRAM-SHA-1" }))).toBe(
      "ERR_PROTOCOL_VIOLATION",
    );
  });
});

describe("channel binding on the server's side", () => {
  const header = "p=tls-server-end-point,,";
  const bare = `n=,r=${CLIENT_NONCE}`;
  const withBinding = (binding: Buffer): string =>
    `c=${Buffer.concat([bytes(header), binding]).toString("base64")},r=${NONCE}`;

  test("is right for our certificate", async () => {
    const server = serverFor(true, BINDING);
    const first = text(server.first(bytes(header + bare)));
    expect(await server.finish(finalMessage(bare, first, withBinding(BINDING)))).toBeDefined();
  });

  test("finds a man in the middle with another certificate", async () => {
    const server = serverFor(true, BINDING);
    const first = text(server.first(bytes(header + bare)));
    const final = finalMessage(bare, first, withBinding(Buffer.from("another certificate")));
    expect(await codeOfFinish(server, text(final))).toBe("ERR_AUTH_CHANNEL_BINDING");
  });

  test("finds out that the offer was taken away", () => {
    const server = serverFor(false, BINDING);
    expect(codeOf(() => server.first(bytes(`y,,${bare}`)))).toBe("ERR_AUTH_CHANNEL_BINDING");
  });

  test("is not demanded of a client that cannot, nor offered by us in vain", () => {
    expect(text(serverFor(false, BINDING).first(bytes(`n,,${bare}`)))).toContain(NONCE);
    expect(text(serverFor().first(bytes(`y,,${bare}`)))).toContain(NONCE);
  });

  test.each(["n,,", "y,,", "p=tls-unique,,"])("is missing in a PLUS login with %j", (other) => {
    const server = serverFor(true, BINDING);
    expect(codeOf(() => server.first(bytes(other + bare)))).toBe("ERR_PROTOCOL_VIOLATION");
  });
});
