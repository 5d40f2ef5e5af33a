import { describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import {
  type AuthAnswer,
  Authenticator,
  type AuthenticatorOptions,
  type AuthMethod,
  type AuthRequest,
  type AuthStep,
  deriveKeys,
  formatVerifier,
  Hidden,
  md5Hash,
  md5Response,
  parseSecret,
  ScramClient,
  ScramSecrets,
  type User,
  UserTable,
  verifierOf,
} from "./index.ts";

const SALT = Buffer.from("0123456789abcdef");
const BINDING = Buffer.from("hash of our certificate");
const NOW_MS = Date.UTC(2027, 0, 1);

const STORED = {
  plain: "secret",
  md5: md5Hash("anna", new Hidden("secret")).reveal(),
  scram: formatVerifier(verifierOf(await deriveKeys(new Hidden("secret"), SALT, 5), SALT, 5)),
} as const;
type Kind = keyof typeof STORED;
const KINDS = Object.keys(STORED) as readonly Kind[]; // of an object literal
const PASSWORD_METHODS = ["cleartext", "md5", "scram-sha-256"] as const;

function userOf(name: string, stored: string | undefined, more: Partial<User> = {}): User {
  return {
    name,
    secret: stored === undefined ? undefined : parseSecret(stored),
    databases: undefined,
    maxConnections: undefined,
    validUntilMs: undefined,
    ...more,
  };
}

function authenticator(
  method: AuthMethod,
  users: readonly User[],
  more: Partial<AuthenticatorOptions> = {},
): Authenticator {
  const userName = more.userName ?? "anna";
  return new Authenticator({
    method,
    userName,
    database: "shop",
    lookup: new UserTable(users).lookup(userName),
    secrets: new ScramSecrets(SALT),
    isEncrypted: true,
    certificateNames: undefined,
    channelBinding: undefined,
    nowMs: NOW_MS,
    randomBytes,
    ...more,
  });
}

/** A client that answers what it is asked, and checks the gateway's signature. */
class TestClient {
  readonly requests: AuthRequest[] = [];
  mechanism = "";
  readonly #user: string;
  readonly #password: string;
  readonly #binding: Uint8Array | undefined;
  #scram: ScramClient | undefined;

  constructor(user: string, password: string, binding?: Uint8Array) {
    this.#user = user;
    this.#password = password;
    this.#binding = binding;
  }

  async login(gateway: Authenticator): Promise<AuthStep> {
    let step = gateway.start();
    while (step.kind === "request") {
      this.requests.push(step.request);
      step = await gateway.answer(await this.#answer(step.request));
    }
    if (step.kind === "accepted" && this.#scram !== undefined) {
      this.#scram.finish(step.serverFinal ?? new Uint8Array());
      expect(this.#scram.isVerified).toBe(true);
    }
    return step;
  }

  async #answer(request: AuthRequest): Promise<AuthAnswer> {
    const password = new Hidden(this.#password);
    switch (request.kind) {
      case "cleartext":
        return { kind: "password", password };
      case "md5": {
        const secret = parseSecret(this.#password);
        const response = md5Response(this.#user, secret, request.salt) ?? new Hidden("");
        return { kind: "password", password: response };
      }
      case "sasl":
        this.#scram = new ScramClient({
          offered: request.mechanisms,
          credential: { kind: "password", password },
          channelBinding: this.#binding,
          randomBytes,
        });
        this.mechanism = this.#scram.mechanism;
        return { kind: "saslInitial", mechanism: this.mechanism, data: this.#scram.first() };
      case "saslContinue":
        if (this.#scram === undefined) throw new Error("no SASL has begun");
        return { kind: "saslResponse", data: await this.#scram.answer(request.data) };
    }
  }
}

const login = (gateway: Authenticator, password = "secret"): Promise<AuthStep> =>
  new TestClient("anna", password).login(gateway);

function codeOf(step: AuthStep): string {
  return step.kind === "failed" ? step.error.code : step.kind;
}

/** Which stored form is good for which method. */
const canLogIn = (method: AuthMethod, kind: Kind): boolean =>
  !(method === "scram-sha-256" && kind === "md5");

describe.each(PASSWORD_METHODS)("the method %s", (method) => {
  for (const kind of KINDS) {
    const admits = canLogIn(method, kind);
    test(`${admits ? "admits" : "does not admit"} who knows a password stored as ${kind}`, async () => {
      const users = [userOf("anna", STORED[kind])];
      const right = await login(authenticator(method, users));
      expect(codeOf(right)).toBe(admits ? "accepted" : "ERR_AUTH_FAILED");
      for (const wrong of ["Secret", "secret ", "x"]) {
        expect(codeOf(await login(authenticator(method, users), wrong))).toBe("ERR_AUTH_FAILED");
      }
    });

    test(`treats unknown users like wrong passwords where others are stored as ${kind}`, async () => {
      const users = [userOf("bert", STORED[kind]), userOf("carl", STORED[kind])];
      const wrong = await conversation(method, [userOf("anna", STORED[kind]), ...users], "x");
      const alike = {
        unknown: users,
        expired: [userOf("anna", STORED[kind], { validUntilMs: NOW_MS }), ...users],
        "without a password": [userOf("anna", undefined), ...users],
      };
      for (const [name, table] of Object.entries(alike)) {
        const other = await conversation(method, table, name === "expired" ? "secret" : "x");
        expect({ name, ...other.seen }).toEqual({ name, ...wrong.seen });
        expect(other.log).not.toBe(wrong.log);
      }
    });
  }
});

/** All that a client can see of a failing login, and what the log says. */
async function conversation(method: AuthMethod, users: readonly User[], password: string) {
  const client = new TestClient("anna", password);
  const step = await client.login(authenticator(method, users));
  if (step.kind !== "failed") throw new Error(`the login is ${step.kind}`);
  const { code, sqlState, clientMessage, message } = step.error;
  const requests = client.requests.map((request) => {
    if (request.kind === "sasl") return request.mechanisms.join();
    if (request.kind !== "saslContinue") return request.kind;
    const text = Buffer.from(request.data).toString();
    const [, nonce = "", salt = "", iterations] = /^r=(.*),s=(.*),i=(.*)$/.exec(text) ?? [];
    return { nonce: nonce.length, salt: salt.length, iterations };
  });
  return { seen: { code, sqlState, clientMessage, requests }, log: message };
}

describe("a failed login", () => {
  test.each<[string, string | undefined, Partial<User>, AuthMethod]>([
    ["gave a wrong password", "other", {}, "scram-sha-256"],
    ["has a password that has expired", "secret", { validUntilMs: NOW_MS }, "scram-sha-256"],
    ["has no password", undefined, {}, "md5"],
    ["has an md5 hash, which SCRAM cannot check", STORED.md5, {}, "scram-sha-256"],
  ])("says in the log: %s", async (reason, stored, more, method) => {
    const step = await login(authenticator(method, [userOf("anna", stored, more)]));
    if (step.kind !== "failed") throw new Error(step.kind);
    expect(step.error.message).toBe(`user "anna" (${method}): ${reason}`);
    expect(step.error.clientMessage).toBe("password authentication failed");
    expect(step.error.sqlState).toBe("28P01");
    expect(Bun.inspect(step)).not.toContain("secret");
  });
});

describe("the credential of an accepted login", () => {
  test("is the password that came in clear text", async () => {
    const step = await login(authenticator("cleartext", [userOf("anna", STORED.scram)]));
    if (step.kind !== "accepted" || step.credential?.kind !== "password") throw new Error("none");
    expect(step.credential.password.reveal()).toBe("secret");
    expect(Bun.inspect(step, { depth: 9 })).not.toContain("secret");
  });

  test("is the client's SCRAM keys, with which a server of the same verifier is logged in to", async () => {
    const users = [userOf("anna", STORED.scram)];
    const step = await login(authenticator("scram-sha-256", users));
    if (step.kind !== "accepted" || step.credential?.kind !== "keys") throw new Error("none");
    const { clientKey } = step.credential.keys.reveal();
    expect(clientKey).toEqual((await deriveKeys(new Hidden("secret"), SALT, 5)).clientKey);
    const { credential } = step;
    const server = authenticator("scram-sha-256", users);
    const client = new ScramClient({
      offered: ["SCRAM-SHA-256"],
      credential,
      channelBinding: undefined,
      randomBytes,
    });
    server.start();
    const first = {
      kind: "saslInitial",
      mechanism: client.mechanism,
      data: client.first(),
    } as const;
    const challenge = await server.answer(first);
    if (challenge.kind !== "request" || challenge.request.kind !== "saslContinue")
      throw new Error();
    const data = await client.answer(challenge.request.data);
    expect((await server.answer({ kind: "saslResponse", data })).kind).toBe("accepted");
  });

  test("is the stored password under md5, if it is a plain one", async () => {
    const plain = await login(authenticator("md5", [userOf("anna", STORED.plain)]));
    expect(plain).toMatchObject({ kind: "accepted", credential: { kind: "password" } });
    const hash = await login(authenticator("md5", [userOf("anna", STORED.md5)]));
    expect(hash).toMatchObject({ kind: "accepted", credential: undefined });
  });
});

describe("clear text", () => {
  const users = [userOf("anna", "secret")];

  test("is asked for under TLS only, unless allowed", async () => {
    const plain = { isEncrypted: false };
    expect(codeOf(await login(authenticator("cleartext", users, plain)))).toBe(
      "ERR_AUTH_NEEDS_TLS",
    );
    const allowed = { ...plain, allowUnencryptedCleartext: true };
    expect(codeOf(await login(authenticator("cleartext", users, allowed)))).toBe("accepted");
    expect(codeOf(await login(authenticator("cleartext", users)))).toBe("accepted");
  });

  test("is not let in with an empty password", async () => {
    for (const stored of [undefined, "", ...Object.values(STORED)]) {
      const gateway = authenticator("cleartext", [userOf("anna", stored)]);
      expect(codeOf(await login(gateway, ""))).toBe("ERR_AUTH_FAILED");
    }
  });
});

describe("channel binding", () => {
  const users = [userOf("anna", STORED.scram)];

  test("is offered over TLS only, and used by who can", async () => {
    const over = async (isEncrypted: boolean, binding?: Uint8Array): Promise<string> => {
      const client = new TestClient("anna", "secret", binding);
      const options = { isEncrypted, channelBinding: BINDING };
      expect(codeOf(await client.login(authenticator("scram-sha-256", users, options)))).toBe(
        "accepted",
      );
      const [first] = client.requests;
      if (first?.kind !== "sasl") throw new Error("no SASL");
      return `${first.mechanisms.join("|")} ${client.mechanism}`;
    };
    expect(await over(true, BINDING)).toBe("SCRAM-SHA-256-PLUS|SCRAM-SHA-256 SCRAM-SHA-256-PLUS");
    expect(await over(true)).toBe("SCRAM-SHA-256-PLUS|SCRAM-SHA-256 SCRAM-SHA-256");
    expect(await over(false)).toBe("SCRAM-SHA-256 SCRAM-SHA-256");
  });

  test("finds out a man in the middle", async () => {
    const client = new TestClient("anna", "secret", Buffer.from("his certificate"));
    const step = await client.login(
      authenticator("scram-sha-256", users, { channelBinding: BINDING }),
    );
    expect(codeOf(step)).toBe("ERR_AUTH_CHANNEL_BINDING");
  });
});

describe("certificates", () => {
  const users = [userOf("anna", undefined)];

  test.each<[readonly string[] | undefined, AuthenticatorOptions["userMap"], string]>([
    [["host", "anna"], undefined, "accepted"],
    [["bert"], undefined, "ERR_AUTH_CERTIFICATE"],
    [[], undefined, "ERR_AUTH_CERTIFICATE"],
    [undefined, undefined, "ERR_AUTH_CERTIFICATE"],
    [["mail"], [{ certificate: "mail", user: "anna" }], "accepted"],
    [["anna"], [{ certificate: "mail", user: "anna" }], "ERR_AUTH_CERTIFICATE"],
  ])("for %j with the map %j: %s", (certificateNames, userMap, expected) => {
    const more = { certificateNames, ...(userMap && { userMap }) };
    const step = authenticator("cert", users, more).start();
    expect(codeOf(step)).toBe(expected);
    if (step.kind === "failed") expect(step.error.sqlState).toBe("28000");
  });
});

describe("databases", () => {
  test("that a user may not use are refused, but only once it is known to be the user", async () => {
    const users = [userOf("anna", "secret", { databases: ["stock"] })];
    for (const method of PASSWORD_METHODS) {
      expect(codeOf(await login(authenticator(method, users)))).toBe("ERR_AUTH_DATABASE");
      expect(codeOf(await login(authenticator(method, users), "x"))).toBe("ERR_AUTH_FAILED");
      const other = { database: "stock" };
      expect(codeOf(await login(authenticator(method, users, other)))).toBe("accepted");
    }
    expect(codeOf(authenticator("trust", users).start())).toBe("ERR_AUTH_DATABASE");
    expect(codeOf(authenticator("trust", []).start())).toBe("accepted");
  });
});

describe("answers that the login does not wait for", () => {
  const password: AuthAnswer = { kind: "password", password: new Hidden("secret") };
  const response: AuthAnswer = { kind: "saslResponse", data: Buffer.from("c=biws,r=x,p=eA==") };
  const initial = (text: string | undefined, mechanism = "SCRAM-SHA-256"): AuthAnswer => ({
    kind: "saslInitial",
    mechanism,
    data: text === undefined ? undefined : Buffer.from(text),
  });
  const users = [userOf("anna", "secret")];

  test.each<[AuthMethod, readonly AuthAnswer[]]>([
    ["trust", [password]],
    ["cleartext", [response]],
    ["cleartext", [initial("n,,n=,r=x")]],
    ["md5", [initial("n,,n=,r=x")]],
    ["scram-sha-256", [password]],
    ["scram-sha-256", [response]],
    ["scram-sha-256", [initial("n,,n=,r=x"), initial("n,,n=,r=x")]],
    ["scram-sha-256", [initial("n,,n=,r=x"), password]],
    ["scram-sha-256", [initial("nonsense")]],
    ["scram-sha-256", [initial("n,,n=,r=x", "SCRAM-SHA-1")]],
    ["scram-sha-256", [initial("p=tls-server-end-point,,n=,r=x", "SCRAM-SHA-256-PLUS")]],
    ["scram-sha-256", [initial("n,,n=,r=x"), response]],
    ["scram-sha-256", [initial(undefined), initial("n,,n=,r=x")]],
  ])("end it under %s: %j", async (method, answers) => {
    const gateway = authenticator(method, users);
    gateway.start();
    let step: AuthStep | undefined;
    for (const answer of answers) step = await gateway.answer(answer);
    expect(step && codeOf(step)).toBe("ERR_PROTOCOL_VIOLATION");
    for (const answer of [password, response, initial("n,,n=,r=x")]) {
      expect(codeOf(await gateway.answer(answer))).toBe("ERR_PROTOCOL_VIOLATION");
    }
    expect(codeOf(gateway.start())).toBe("ERR_PROTOCOL_VIOLATION");
  });

  test("a login that has failed cannot be tried again", async () => {
    const gateway = authenticator("cleartext", users);
    gateway.start();
    const wrong: AuthAnswer = { kind: "password", password: new Hidden("x") };
    expect(codeOf(await gateway.answer(wrong))).toBe("ERR_AUTH_FAILED");
    expect(codeOf(await gateway.answer(password))).toBe("ERR_PROTOCOL_VIOLATION");
  });

  test("a SASLInitialResponse without data is asked for it", async () => {
    const gateway = authenticator("scram-sha-256", users);
    gateway.start();
    expect(await gateway.answer(initial(undefined))).toEqual({
      kind: "request",
      request: { kind: "saslContinue", data: new Uint8Array() },
    });
    const first: AuthAnswer = { kind: "saslResponse", data: Buffer.from("n,,n=,r=x") };
    expect((await gateway.answer(first)).kind).toBe("request");
  });
});
