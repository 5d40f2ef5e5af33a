import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { chmod, chown, copyFile, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import {
  checkPassword,
  deriveKeys,
  formatVerifier,
  Hidden,
  md5Response,
  parseSecret,
  parseVerifier,
  type ScramCredential,
  ScramClient,
  ScramKeyCache,
  ScramServer,
  type Secret,
  tlsServerEndPoint,
  verifierOf,
} from "../../src/auth/index.ts";
import {
  connectWire,
  frontendMessage,
  type PostgresServer,
  type ServerMessage,
  startPostgres,
  type WireClient,
} from "../kit/index.ts";

const FIXTURES = join(import.meta.dir, "..", "fixtures", "tls");
const OK = 0;
const MD5 = 5;
const SASL = 10;
const SASL_CONTINUE = 11;
const SASL_FINAL = 12;

/** Asks for md5 where it stores an md5 hash, else for SCRAM. */
let postgres: PostgresServer;
/** The same with TLS, so that it offers SCRAM-SHA-256-PLUS too. */
let tlsPostgres: PostgresServer;
let certificates: string;
const keys = new ScramKeyCache();

beforeAll(async () => {
  postgres = await startPostgres({ auth: "md5" });
  certificates = await mkdtemp(join(tmpdir(), "gatewayd-login-"));
  const { uid, gid } = await stat(postgres.socketDirectory);
  await chmod(certificates, 0o755);
  for (const name of ["server.crt", "server.key"]) {
    await copyFile(join(FIXTURES, name), join(certificates, name));
    await chmod(join(certificates, name), 0o600);
    await chown(join(certificates, name), uid, gid);
  }
  tlsPostgres = await startPostgres({
    auth: "scram-sha-256",
    settings: {
      ssl: true,
      ssl_cert_file: join(certificates, "server.crt"),
      ssl_key_file: join(certificates, "server.key"),
    },
  });
}, 120_000);

afterAll(async () => {
  await tlsPostgres[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
  await rm(certificates, { recursive: true });
});

const byPassword = (password: string): ScramCredential => ({
  kind: "password",
  password: new Hidden(password),
});

/** An Authentication message's kind and what follows it. */
async function authentication(client: WireClient): Promise<{ kind: number; data: Buffer }> {
  const message: ServerMessage = await client.message();
  if (message.type !== "R") throw new Error(`${message.type}: ${message.body.toString()}`);
  return { kind: message.body.readUInt32BE(0), data: message.body.subarray(4) };
}

interface Attempt {
  readonly server?: PostgresServer;
  readonly user: string;
  readonly credential: ScramCredential;
  /** Encrypt, and change the binding data that our side believes in. */
  readonly binding?: (binding: Uint8Array | undefined) => Uint8Array | undefined;
  /** What someone in the middle makes of the server's offer. */
  readonly offer?: (offered: readonly string[]) => readonly string[];
}

/** Logs in by SCRAM; answers the mechanism. @throws what the server or our side says against it */
async function scramLogin(attempt: Attempt): Promise<string> {
  await using client = await connectWire(attempt.server ?? postgres);
  const peer = attempt.binding === undefined ? undefined : await client.requestTls();
  client.startup({ user: attempt.user, database: "postgres" });
  const request = await authentication(client);
  expect(request.kind).toBe(SASL);
  const offered = request.data.toString().split("\0").filter(Boolean);
  const scram = new ScramClient({
    offered: attempt.offer?.(offered) ?? offered,
    credential: attempt.credential,
    deriveKeys: keys.keysOf,
    channelBinding: attempt.binding?.(peer && tlsServerEndPoint(peer.raw)),
    randomBytes,
  });
  const first = scram.first();
  const length = Buffer.alloc(4);
  length.writeUInt32BE(first.length);
  const initial = Buffer.concat([Buffer.from(`${scram.mechanism}\0`), length, first]);
  client.send(frontendMessage("p", initial));
  const challenge = await authentication(client);
  expect(challenge.kind).toBe(SASL_CONTINUE);
  client.send(frontendMessage("p", await scram.answer(challenge.data)));
  const final = await authentication(client);
  expect(final.kind).toBe(SASL_FINAL);
  scram.finish(final.data);
  expect((await authentication(client)).kind).toBe(OK);
  return scram.mechanism;
}

async function md5Login(user: string, secret: Secret | undefined): Promise<number> {
  await using client = await connectWire(postgres);
  client.startup({ user, database: "postgres" });
  const request = await authentication(client);
  expect(request.kind).toBe(MD5);
  const response = md5Response(user, secret, request.data)?.reveal() ?? "";
  client.send(frontendMessage("p", `${response}\0`));
  return (await authentication(client)).kind;
}

async function createRole(name: string, password: string, settings = ""): Promise<string> {
  const literal = `'${password.replaceAll("'", "''")}'`;
  await postgres.query(
    `${settings}; create role "${name}" login password E${literal.replaceAll("\\", "\\\\")}`,
  );
  return await storedSecret(name);
}

async function storedSecret(name: string): Promise<string> {
  const rows = await postgres.query(`select rolpassword from pg_authid where rolname = '${name}'`);
  return String(rows[0]?.rolpassword);
}

const SCRAM_ROLE = "set password_encryption = 'scram-sha-256'";

describe("SCRAM at a real PostgreSQL", () => {
  test.each([
    ["plain ASCII", "secret"],
    ["a soft hyphen", "I\u00adX"],
    ["a compatibility form", "\u2168\u00aa"],
    ["a space that is no space", "a\u00a0b"],
    ["a control character", "bell\u0007"],
    ["a control character and more", "bell\u0007\u2168"],
    ["mixed directions", "\u0627\u0031"],
    ["an unassigned character", "\u0221\u2168"],
    ["an emoji", "pass\u{1f600}\u2168"],
    ["nothing but what maps to nothing", "\u00ad"],
    ["combining characters", "o\u0308\u0323"],
  ])("takes a password with %s", async (name, password) => {
    const secret = await createRole(name, password, SCRAM_ROLE);
    await scramLogin({ user: name, credential: byPassword(password) });
    const parsed = parseSecret(secret);
    expect(parsed?.kind).toBe("scram");
    expect(parsed && (await checkPassword(new Hidden(password), name, parsed))).toBe(true);
  });

  test("refuses a wrong password", async () => {
    await createRole("wrong", "secret", SCRAM_ROLE);
    const attempt = scramLogin({ user: "wrong", credential: byPassword("Secret") });
    await expect(attempt).rejects.toThrow("28P01");
  });

  test("takes the keys that a client's proof gave away, without any password", async () => {
    const secret = await createRole("passed", "secret", SCRAM_ROLE);
    const verifier = parseVerifier(secret);
    if (verifier === undefined) throw new Error(`no verifier: ${secret}`);
    const client = new ScramClient({
      offered: ["SCRAM-SHA-256"],
      credential: byPassword("secret"),
      channelBinding: undefined,
      randomBytes,
    });
    const gateway = new ScramServer({
      mechanism: client.mechanism,
      secret: { ...verifier, keys: () => Promise.resolve(verifier), isMock: false },
      channelBinding: undefined,
      nonce: randomBytes(18).toString("base64"),
    });
    const proof = await gateway.finish(await client.answer(gateway.first(client.first())));
    if (proof === undefined) throw new Error("the proof is wrong");
    await scramLogin({ user: "passed", credential: { kind: "keys", keys: proof.keys } });
    await postgres.query(`${SCRAM_ROLE}; alter role passed password 'secret'`);
    const changed = scramLogin({ user: "passed", credential: { kind: "keys", keys: proof.keys } });
    await expect(changed).rejects.toThrow("another verifier");
  });

  test("takes a verifier that we made", async () => {
    const salt = randomBytes(16);
    const verifier = verifierOf(await deriveKeys(new Hidden("\u2168x"), salt, 4096), salt, 4096);
    const text = formatVerifier(verifier);
    expect(await createRole("ours", text)).toBe(text);
    const { host, port } = postgres;
    const client = new Client({ host, port, user: "ours", password: "IXx", database: "postgres" });
    await client.connect();
    await client.end();
  });

  test("is not followed into endless derivations", async () => {
    await createRole("slow", "secret", `${SCRAM_ROLE}; set scram_iterations = 100001`);
    const attempt = scramLogin({ user: "slow", credential: byPassword("secret") });
    await expect(attempt).rejects.toThrow("asks for 100001 iterations");
  });
});

describe("channel binding at a real PostgreSQL", () => {
  const same = (binding: Uint8Array | undefined) => binding;
  const attempt = (more: Partial<Attempt>): Promise<string> =>
    scramLogin({
      server: tlsPostgres,
      user: tlsPostgres.user,
      credential: byPassword(tlsPostgres.password),
      binding: same,
      ...more,
    });

  test("is right over TLS", async () => {
    expect(await attempt({})).toBe("SCRAM-SHA-256-PLUS");
  });

  test("is left out where we have no data for it", async () => {
    expect(await attempt({ binding: () => undefined })).toBe("SCRAM-SHA-256");
  });

  test("fails for another certificate", async () => {
    const other = attempt({ binding: () => Buffer.alloc(32) });
    await expect(other).rejects.toThrow("channel binding check failed");
  });

  test("fails when someone takes the offer away", async () => {
    const downgraded = attempt({ offer: () => ["SCRAM-SHA-256"] });
    await expect(downgraded).rejects.toThrow("channel binding negotiation error");
  });
});

describe("md5 at a real PostgreSQL", () => {
  test("takes the password and the stored hash", async () => {
    const stored = await createRole("hashed", "sécret", "set password_encryption = 'md5'");
    const hash = parseSecret(stored);
    expect(hash?.kind).toBe("md5");
    expect(await md5Login("hashed", hash)).toBe(OK);
    expect(await md5Login("hashed", parseSecret("sécret"))).toBe(OK);
    const wrong = md5Login("hashed", parseSecret("secret"));
    await expect(wrong).rejects.toThrow("28P01");
    expect(hash && (await checkPassword(new Hidden("sécret"), "hashed", hash))).toBe(true);
  });
});
