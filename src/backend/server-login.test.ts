import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { getEventListeners } from "node:events";
import fc from "fast-check";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { Recorder } from "../../tests/fixtures/recorder.ts";
import {
  anyHostileStream,
  backend,
  BARE_MESSAGES,
  everySplit,
  message,
  SERVER_MESSAGES,
} from "../../tests/fixtures/wire/index.ts";
import { waitFor } from "../../tests/kit/index.ts";
import { deriveKeys, Hidden, md5Hash, ScramServer, verifierOf } from "../auth/index.ts";
import { memoryPair, TimerWheel } from "../net/index.ts";
import {
  readSaslInitialResponse,
  readSaslResponse,
  readStartupParameters,
} from "../postgres/index.ts";
import { loginToServer, ServerLoginError } from "./index.ts";
import type { LoggedIn, ServerCredential, ServerLoginOptions } from "./index.ts";

const PASSWORD = "top secret";
const BY_PASSWORD: ServerCredential = { kind: "password", password: new Hidden(PASSWORD) };
const BY_HASH: ServerCredential = { kind: "md5", hash: md5Hash("alice", new Hidden(PASSWORD)) };
const KEYS = { clientKey: randomBytes(32), serverKey: randomBytes(32) };
const BY_KEYS: ServerCredential = {
  kind: "keys",
  keys: new Hidden({ ...KEYS, salt: randomBytes(16), iterations: 4_096 }),
};
const KEY = Uint8Array.of(0, 0, 0, 7, 1, 2, 3, 4);
const SALT = Uint8Array.of(1, 2, 3, 4);
const GREETING = Buffer.concat([
  backend.authenticationOk(),
  backend.parameterStatus("server_version", "18.4"),
  backend.parameterStatus("DateStyle", "ISO, MDY"),
  backend.keyData(KEY),
  backend.ready(),
]);
const sasl = (...mechanisms: readonly string[]): Buffer =>
  backend.authentication(10, ...mechanisms, "");
const serverFirst = (text: string): Buffer => backend.authentication(11, Buffer.from(text));

function begin(options: Partial<ServerLoginOptions> = {}) {
  const [connection, server] = memoryPair();
  const [lender, heard] = [new Recorder(), new Recorder()];
  connection.handler = lender;
  server.handler = heard;
  const clock = new FakeClock();
  const settled: (LoggedIn | Error)[] = [];
  const login = loginToServer(connection, {
    block: "writes",
    user: "alice",
    database: "shop",
    timeoutMs: 5_000,
    timers: new TimerWheel(clock),
    ...options,
  });
  login.then(
    (loggedIn) => settled.push(loggedIn),
    (error: Error) => settled.push(error),
  );
  return { connection, server, lender, heard, clock, login, settled };
}

type Login = ReturnType<typeof begin>;

/** Lets the server speak, and answers what becomes of the login. */
async function after(
  login: Login,
  ...words: readonly Uint8Array[]
): Promise<LoggedIn | Error | undefined> {
  for (const chunk of words) login.server.write(chunk);
  await settle();
  return login.settled[0];
}

/** The login has failed as it must: said once, with nothing left behind. */
function expectFailure(login: Login, ...parts: readonly string[]): ServerLoginError {
  const [error] = login.settled;
  if (!(error instanceof Error)) throw new Error("the login has not failed");
  for (const part of parts) expect(error.message).toContain(part);
  expect(error.message).toContain('block "writes"');
  expect(error.message).not.toContain(PASSWORD);
  expect(Bun.inspect(error)).not.toContain(PASSWORD);
  expect(login.settled).toHaveLength(1);
  expect([login.connection.isOpen, login.clock.timerCount]).toEqual([false, 0]);
  expect(login.lender.events.filter((event) => event.startsWith("close"))).toHaveLength(1);
  return error as ServerLoginError;
}

describe("logging in to a server", () => {
  test("tells who we are, and what the session is to be", async () => {
    const { heard } = begin({
      parameters: [
        ["application_name", "gatewayd"],
        ["options", "-c geqo=off"],
      ],
    });
    await settle();
    expect(heard.bytes.readInt32BE(4)).toBe(0x0003_0000);
    expect([...readStartupParameters(heard.bytes)]).toEqual([
      ["user", "alice"],
      ["database", "shop"],
      ["application_name", "gatewayd"],
      ["options", "-c geqo=off"],
    ]);
  });

  test("answers what the server told, and gives the connection back", async () => {
    const login = begin();
    const answer = await after(login, backend.notice("welcome"), GREETING);
    expect(answer).toEqual({
      parameters: new Map([
        ["server_version", "18.4"],
        ["DateStyle", "ISO, MDY"],
      ]),
      keyData: KEY,
      protocolVersion: 0x0003_0000,
      unrecognizedOptions: [],
      notices: [expect.objectContaining({ message: "welcome" })],
      method: "trust",
    });
    expect([login.connection.isOpen, login.clock.timerCount]).toEqual([true, 0]);
    expect(login.connection.handler).toBe(login.lender);
    login.server.write(Buffer.from("more"));
    await settle();
    expect([login.lender.text, ...login.lender.events]).toEqual(["more"]);
  });

  test("hands on what comes behind it, however it is cut", async () => {
    const late = Buffer.concat([backend.parameterStatus("TimeZone", "UTC"), Buffer.from("N\0")]);
    for (const chunks of everySplit(Buffer.concat([GREETING, late]))) {
      const login = begin();
      const answer = await after(login, ...chunks);
      expect(answer).toMatchObject({ keyData: KEY });
      expect(login.lender.bytes).toEqual(late);
    }
  });

  test("closes the connection when its owner chokes on what came behind", async () => {
    const login = begin();
    login.lender.onBytes = () => {
      throw new Error("choked");
    };
    const answer = await after(login, Buffer.concat([GREETING, backend.notice("late")]));
    expect(answer).toMatchObject({ method: "trust" });
    expect(login.lender.events).toEqual(["close: choked"]);
  });

  test("takes long keys, and an older version than was asked for", async () => {
    const login = begin({ protocolVersion: 0x0003_0002 });
    const longKey = randomBytes(36);
    const answer = await after(
      login,
      message("v", Uint8Array.of(0, 3, 0, 0, 0, 0, 0, 1), "_pq_.odd"),
      backend.authenticationOk(),
      backend.keyData(longKey),
      backend.ready(),
    );
    expect(answer).toMatchObject({
      keyData: new Uint8Array(longKey),
      protocolVersion: 0x0003_0000,
      unrecognizedOptions: ["_pq_.odd"],
    });
  });
});

describe("proving who we are", () => {
  /** What was sent behind the StartupMessage. */
  async function answerTo(request: Buffer, options: Partial<ServerLoginOptions>) {
    const login = begin(options);
    await settle();
    login.heard.take();
    await after(login, request);
    return { ...login, answer: login.heard.take() };
  }

  test("gives a password in clear text where that is allowed", async () => {
    const request = backend.authentication(3);
    const encryption = { certificate: randomBytes(300), names: [] };
    for (const how of [{ encryption }, { isCleartextAllowed: true }]) {
      const login = await answerTo(request, { credential: BY_PASSWORD, ...how });
      expect(login.answer).toEqual(message("p", PASSWORD));
      expect(await after(login, GREETING)).toMatchObject({ method: "cleartext" });
    }
  });

  test("answers md5 from a password and from its hash", async () => {
    const request = backend.authentication(5, SALT);
    const answers: string[] = [];
    for (const credential of [BY_PASSWORD, BY_HASH]) {
      const login = await answerTo(request, { credential });
      answers.push(login.answer.toString());
      expect(await after(login, GREETING)).toMatchObject({ method: "md5" });
    }
    expect(answers[0]).toMatch(/md5[0-9a-f]{32}\0$/);
    expect(answers[1]).toBe(String(answers[0]));
  });

  /** A server that speaks SCRAM as far as it is let. */
  async function scramServer() {
    const [salt, iterations] = [randomBytes(16), 4_096];
    const keys = await deriveKeys(new Hidden(PASSWORD), salt, iterations);
    const verifier = verifierOf(keys, salt, iterations);
    return {
      keys: { ...keys, salt, iterations },
      scram: new ScramServer({
        mechanism: "SCRAM-SHA-256",
        secret: { ...verifier, keys: () => Promise.resolve(verifier), isMock: false },
        channelBinding: undefined,
        nonce: randomBytes(18).toString("base64"),
      }),
    };
  }

  /** Up to our proof, which is answered. */
  async function upToProof(login: Login, scram: ScramServer): Promise<Uint8Array> {
    await settle();
    login.heard.take();
    await after(login, sasl("SCRAM-SHA-256"));
    const { data } = readSaslInitialResponse(login.heard.take());
    await after(login, backend.authentication(11, scram.first(data ?? new Uint8Array())));
    await waitFor("the proof", () => login.heard.byteLength > 0, { intervalMs: 1 });
    return readSaslResponse(login.heard.take());
  }

  test.each(["password", "keys"] as const)("proves itself by SCRAM from %s", async (kind) => {
    const { keys, scram } = await scramServer();
    const byKeys: ServerCredential = { kind: "keys", keys: new Hidden(keys) };
    const login = begin({ credential: kind === "keys" ? byKeys : BY_PASSWORD });
    const proof = await scram.finish(await upToProof(login, scram));
    if (proof === undefined) throw new Error("the proof is wrong");
    await after(login, backend.authentication(12, proof.serverFinal), GREETING);
    expect(login.settled).toMatchObject([{ method: "SCRAM-SHA-256", keyData: KEY }]);
  });

  test("derives keys by the function it is given", async () => {
    const { keys, scram } = await scramServer();
    let derivations = 0;
    const login = begin({
      credential: BY_PASSWORD,
      deriveKeys: () => {
        derivations++;
        return Promise.resolve(keys);
      },
    });
    expect(await scram.finish(await upToProof(login, scram))).toBeDefined();
    expect(derivations).toBe(1);
  });

  test("trusts no server that does not prove itself", async () => {
    const { scram } = await scramServer();
    const login = begin({ credential: BY_PASSWORD });
    await upToProof(login, scram);
    await after(login, GREETING);
    expectFailure(login, "accepts us out of turn");
  });

  test("trusts no server that proves itself wrongly", async () => {
    const { scram } = await scramServer();
    const login = begin({ credential: BY_PASSWORD });
    await upToProof(login, scram);
    const forged = Buffer.from(`v=${randomBytes(32).toString("base64")}`);
    await after(login, backend.authentication(12, forged), GREETING);
    expectFailure(login, "does not know the password");
  });

  test("goes on with nothing when it is given up while keys are derived", async () => {
    const { promise, resolve } = Promise.withResolvers<typeof KEYS>();
    const { scram } = await scramServer();
    const login = begin({ credential: BY_PASSWORD, deriveKeys: () => promise });
    await settle();
    login.heard.take();
    await after(login, sasl("SCRAM-SHA-256"));
    const { data } = readSaslInitialResponse(login.heard.take());
    await after(login, backend.authentication(11, scram.first(data ?? new Uint8Array())));
    login.clock.advance(5_010);
    await settle();
    expectFailure(login, "within 5000 ms");
    resolve(KEYS);
    await settle();
    expect([login.settled.length, login.heard.byteLength]).toEqual([1, 0]);
  });

  const CLEARTEXT = backend.authentication(3);
  const MD5 = backend.authentication(5, SALT);
  const SCRAM = sasl("SCRAM-SHA-256");
  test.each([
    ["cleartext in the open", CLEARTEXT, BY_PASSWORD, "cleartext, and the connection is not enc"],
    ["cleartext without a password", CLEARTEXT, undefined, "cleartext, and there is no password"],
    ["md5 without a password", MD5, undefined, "md5, and there is no password"],
    ["SCRAM without a password", SCRAM, undefined, "SCRAM-SHA-256, and there is no password"],
    ["md5 of SCRAM keys", MD5, BY_KEYS, "md5, which cannot be given from the SCRAM keys"],
    ["SCRAM of an md5 hash", SCRAM, BY_HASH, "SCRAM-SHA-256, which cannot be given from an md5"],
    ["SASL of another kind", sasl("OAUTHBEARER"), BY_PASSWORD, "mechanisms: OAUTHBEARER"],
    ["a bound mechanism only", sasl("SCRAM-SHA-256-PLUS"), BY_PASSWORD, "SCRAM-SHA-256-PLUS"],
    ["Kerberos", backend.authentication(2), BY_PASSWORD, "Kerberos V5"],
    ["GSSAPI", backend.authentication(7), BY_PASSWORD, "GSSAPI"],
    ["SSPI", backend.authentication(9), BY_PASSWORD, "SSPI"],
    ["the unknown", backend.authentication(77, SALT), BY_PASSWORD, "authentication method 77"],
  ])("says that it cannot give %s", async (_, request, credential, words) => {
    const login = begin(credential === undefined ? {} : { credential });
    await settle();
    login.heard.take();
    await after(login, request);
    expectFailure(login, words);
    expect(login.heard.byteLength).toBe(0);
  });

  test.each([BY_HASH, BY_KEYS])("gives no cleartext from $kind", async (credential) => {
    const login = begin({ credential, isCleartextAllowed: true });
    await after(login, CLEARTEXT);
    expectFailure(login, "cleartext, which cannot be given from");
  });

  test("gives only one password, whatever the server asks", async () => {
    for (const second of [CLEARTEXT, MD5, SCRAM]) {
      const login = begin({ credential: BY_PASSWORD });
      await after(login, MD5, second);
      expectFailure(login, "out of turn");
    }
  });
});

describe("a server that refuses", () => {
  test.each([
    ["3D000", "ERR_SERVER_LOGIN"],
    ["28000", "ERR_SERVER_LOGIN"],
    ["28P01", "ERR_SERVER_LOGIN"],
    ["42704", "ERR_SERVER_LOGIN"],
    ["53300", "ERR_SERVER_BUSY"],
    ["57P03", "ERR_SERVER_BUSY"],
  ] as const)("by %s: its words are kept as they came", async (sqlState, code) => {
    const said = backend.error(sqlState, "FATAL");
    const login = begin();
    await after(login, backend.authenticationOk(), said);
    const error = expectFailure(login, `${sqlState} no`);
    expect(error).toBeInstanceOf(ServerLoginError);
    expect(error.code).toBe(code);
    expect(error.refusal?.response).toEqual(new Uint8Array(said));
    expect(error.refusal?.notice).toMatchObject({ severity: "FATAL", code: sqlState });
  });

  test("at great length: the log is spared", async () => {
    const login = begin();
    await after(
      login,
      message("E", "SFATAL", "C28000", `M${"x".repeat(50_000)}`, Uint8Array.of(0)),
    );
    expect(expectFailure(login, "28000 xxx").message.length).toBeLessThan(1_000);
  });
});

describe("a server that is odd or hostile", () => {
  const first = (more: string): Buffer => serverFirst(`r=x,s=c2FsdA==,${more}`);
  test.each([
    ["speaks HTTP", [Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")], "announces"],
    ["sends a message that is too short", [Buffer.from("R\0\0\0\x03")], "announces 3 bytes"],
    ["announces a huge message", [Buffer.from("R\x7f\xff\xff\xff", "latin1")], "announces"],
    ["cuts a message off inside", [message("R", Uint8Array.of(0))], "Authentication: malformed"],
    ["begins with rows", [backend.dataRow("x")], 'message "D" out of turn'],
    ["is ready before it let us in", [backend.ready()], 'message "Z" out of turn'],
    ["gives the key before it let us in", [backend.keyData(KEY)], 'message "K" out of turn'],
    ["lets us in twice", [backend.authenticationOk(), GREETING], "out of turn"],
    ["sends rows then", [backend.authenticationOk(), backend.dataRow("x")], "out of turn"],
    ["has a key that is none", [backend.authenticationOk(), message("K", SALT)], "secret key"],
    ["begins in a transaction", [backend.authenticationOk(), backend.ready("T")], "transaction"],
    ["goes on with SCRAM of itself", [serverFirst("r=x")], "out of turn"],
    ["ends SCRAM of itself", [backend.authentication(12, SALT)], "out of turn"],
    ["wants a newer version", [message("v", Uint8Array.of(0, 3, 0, 9, 0, 0, 0, 0))], "version 3.9"],
    ["wants an older one", [message("v", Uint8Array.of(0, 2, 0, 0, 0, 0, 0, 0))], "version 2.0"],
    ["negotiates late", [GREETING.subarray(0, 9), message("v", SALT, SALT)], "out of turn"],
    ["wants endless derivations", [sasl("SCRAM-SHA-256"), first("i=2000000000")], "SCRAM login"],
    ["has a nonce of its own alone", [sasl("SCRAM-SHA-256"), first("i=4096")], "wrong nonce"],
  ])("and %s is not trusted", async (_, words, expected) => {
    const login = begin({ credential: BY_PASSWORD });
    await after(login, ...words);
    const error = expectFailure(login, expected);
    expect([error.code, error.refusal]).toEqual(["ERR_SERVER_LOGIN", undefined]);
  });

  test("is asked for no more than a limited number of derivations", async () => {
    const login = begin({ credential: BY_PASSWORD });
    await settle();
    login.heard.take();
    await after(login, sasl("SCRAM-SHA-256"));
    const ours = Buffer.from(readSaslInitialResponse(login.heard.take()).data ?? []).toString();
    const nonce = ours.slice(ours.indexOf("r=") + 2);
    await after(login, serverFirst(`r=${nonce}x,s=c2FsdA==,i=2000000000`));
    expectFailure(login, "asks for 2000000000 iterations");
  });

  test("and never stops sending notices is left", async () => {
    const login = begin();
    for (let count = 0; count < 2_000 && login.settled.length === 0; count++) {
      await after(login, backend.notice("x".repeat(1_000)));
    }
    expectFailure(login, "more than 262144 bytes while logging in");
  });

  test("and is silent is left after a while", async () => {
    const login = begin();
    await after(login, backend.authenticationOk());
    login.clock.advance(4_900);
    await settle();
    expect(login.settled).toEqual([]);
    login.clock.advance(200);
    await settle();
    expect(expectFailure(login, "within 5000 ms").code).toBe("ERR_SERVER_TIMEOUT");
  });

  test.each(["close", "shutdown", "terminate"] as const)(
    "and leaves by %s in the middle",
    async (way) => {
      const login = begin();
      await after(login, GREETING.subarray(0, 20));
      login.server[way]();
      await settle();
      expect(expectFailure(login, "closed the connection while logging in").code).toBe(
        "ERR_SERVER_LOST",
      );
    },
  );

  test("finds no way through, whatever it sends", async () => {
    await fc.assert(
      fc.asyncProperty(anyHostileStream(SERVER_MESSAGES, BARE_MESSAGES.server), async (chunks) => {
        const login = begin({ credential: BY_PASSWORD });
        await after(login, ...chunks);
        login.clock.advance(5_010);
        await settle();
        expect(login.settled).toHaveLength(1);
        expect(login.clock.timerCount).toBe(0);
      }),
      { numRuns: 300 },
    );
  });
});

describe("a login that is given up", () => {
  test("by a signal closes the connection", async () => {
    const owner = new AbortController();
    const login = begin({ signal: owner.signal });
    await after(login, backend.authenticationOk());
    owner.abort();
    await settle();
    expect(expectFailure(login, "logging in was given up").code).toBe("ERR_SHUTTING_DOWN");
  });

  test("by a signal before it began says nothing to the server", async () => {
    const login = begin({ signal: AbortSignal.abort() });
    await settle();
    expectFailure(login, "was given up");
    expect(login.heard.byteLength).toBe(0);
  });

  test("by a signal after it ended stays as it is, and is not kept by the signal", async () => {
    const owner = new AbortController();
    const login = begin({ signal: owner.signal });
    expect(getEventListeners(owner.signal, "abort")).toHaveLength(1);
    await after(login, GREETING);
    expect(getEventListeners(owner.signal, "abort")).toHaveLength(0);
    owner.abort();
    await settle();
    expect([login.settled.length, login.connection.isOpen]).toEqual([1, true]);
  });

  test("fails at once on a connection that is closed", async () => {
    const [connection] = memoryPair();
    connection.terminate();
    const timers = new TimerWheel(new FakeClock());
    const options = { block: "b", user: "u", database: "d", timeoutMs: 1, timers };
    await expect(loginToServer(connection, options)).rejects.toMatchObject({
      code: "ERR_SERVER_LOST",
    });
  });

  test("fails when a name cannot be sent", async () => {
    const login = begin({ user: "ali\0ce" });
    await settle();
    expectFailure(login, "zero byte");
  });
});
