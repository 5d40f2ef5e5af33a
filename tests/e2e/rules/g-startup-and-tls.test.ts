/**
 * Rules 24 to 26. The relayed logins of 25, with TLS to the server, are in tests/integration/relayed-tls.test.ts,
 * the startupParams of 26 in tests/integration/startup-params.test.ts, with every combination.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  connectWire,
  expectSameDescriptors,
  GATEWAYD_BINARY,
  oneBlockConfig,
  type OneBlockOptions,
  openDescriptors,
  psql,
  runToEnd,
  sslRequest,
  startGatewayd,
  testNeeding,
  type WireClient,
} from "../../kit/index.ts";
import { type RuleStage, startRuleStage } from "./rule-stage.ts";

const POOLED = ["session", "transaction", "statement"] as const;
type Pooled = (typeof POOLED)[number];

const FIXTURES = join(import.meta.dir, "..", "..", "fixtures", "tls");
const pem = (name: string): string => join(FIXTURES, name);
const TLS = { enableTLS: true, certFile: pem("server.crt"), keyFile: pem("server.key") };
/** Sockets for those who are only told that there is no room for them. */
const REFUSAL_RESERVE = 64;

let stage: RuleStage<Pooled | `${Pooled}-tls` | `${Pooled}-full` | "tiny">;

beforeAll(async () => {
  const full = { ...TLS, tlsMode: "verify-full", clientCAFile: pem("ca.crt") };
  const keysOf = (mode: Pooled, server: Record<string, unknown>) => ({
    pool: { mode, size: 2 },
    server: { auth: { method: "trust" }, ...server },
  });
  stage = await startRuleStage({
    session: keysOf("session", { maxConnections: 2 }),
    transaction: keysOf("transaction", { maxConnections: 2 }),
    statement: keysOf("statement", { maxConnections: 2 }),
    tiny: keysOf("transaction", { maxConnections: 1 }),
    "session-tls": keysOf("session", { ...TLS, tlsMode: "require" }),
    "transaction-tls": keysOf("transaction", { ...TLS, tlsMode: "require" }),
    "statement-tls": keysOf("statement", { ...TLS, tlsMode: "require" }),
    "session-full": keysOf("session", full),
    "transaction-full": keysOf("transaction", full),
    "statement-full": keysOf("statement", full),
  });
  await stage.rows("create role other login");
}, 60_000);

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** Its SSLRequest gets this answer, and it hears nothing else before it says who it is. */
async function expectSilence(client: WireClient, answer: string): Promise<void> {
  client.send(sslRequest());
  expect((await client.bytes(1)).toString()).toBe(answer);
  expect([client.received.length, client.hasEnded]).toEqual([0, false]);
}

/** It is refused with this, and nothing behind it. */
async function expectRefused(client: WireClient, code: string): Promise<void> {
  client.startup();
  expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code });
  await client.ended();
  expect(client.received.length).toBe(0);
}

/** It does not get as far as to be told anything. */
async function expectCutOff(): Promise<void> {
  const client = await connectWire(stage.target("tiny")).catch(() => undefined);
  if (client === undefined) return;
  await using _client = client;
  await client.ended();
  expect(client.received.length).toBe(0);
}

describe("24: a client that cannot be served is told when it can hear it", () => {
  test.each(POOLED)("24: in %s mode beyond maxConnections, with 53300", async (mode) => {
    await using first = await stage.session(mode);
    await using second = await stage.session(mode);
    await using third = await connectWire(stage.target(mode));
    await expectSilence(third, "N");
    await expectRefused(third, "53300");
    expect([await first.value("select 1"), await second.value("select 2")]).toEqual(["1", "2"]);
    await first.leave();
    await using fourth = await stage.session(mode);
    expect(await fourth.value("select 4")).toBe("4");
    await fourth.leave();
    await second.leave();
  });

  testNeeding("psql")("24: libpq shows why", async () => {
    await using only = await stage.session("tiny");
    for (const PGSSLMODE of ["disable", "prefer"]) {
      const refused = await psql("select 1", { ...stage.target("tiny"), env: { PGSSLMODE } });
      expect(refused).toMatchObject({ code: 2, stdout: "" });
      expect(refused.stderr).toContain("FATAL:  too many clients already");
    }
    await only.leave();
  });

  test("24: from a reserve of 64 sockets; beyond them clients are cut off", async () => {
    await using only = await stage.session("tiny");
    const { pid } = stage.gatewayd.process;
    const before = openDescriptors(pid);
    await using clients = new AsyncDisposableStack();
    const told: WireClient[] = [];
    for (let count = 0; count < REFUSAL_RESERVE; count++) {
      told.push(clients.use(await connectWire(stage.target("tiny"))));
    }
    await expectCutOff();
    expect(openDescriptors(pid).sockets).toBe(before.sockets + REFUSAL_RESERVE);
    for (const client of told)
      expect([client.received.length, client.hasEnded]).toEqual([0, false]);
    for (const client of told) await expectRefused(client, "53300");
    expect(await only.value("select 1")).toBe("1");
    await expectSameDescriptors(pid, before);
    await using next = await connectWire(stage.target("tiny"));
    await expectRefused(next, "53300");
    await only.leave();
  });

  test("24: when the gateway stops, with 57P01", async () => {
    const config = oneBlockConfig(stage.postgres.address, {
      pool: { mode: "transaction" },
      server: { auth: { method: "trust" } },
    });
    await using gatewayd = await startGatewayd({ config });
    await using holder = await connectWire(gatewayd);
    await holder.login();
    holder.query("begin");
    await holder.messagesUntil("Z");
    await using early = await connectWire(gatewayd);
    await using asking = await connectWire(gatewayd);
    await expectSilence(asking, "N");
    gatewayd.process.kill("SIGTERM");
    await gatewayd.process.waitForLine("GatewayD is shutting down");
    await expectRefused(asking, "57P01");
    await expectSilence(early, "N");
    await expectRefused(early, "57P01");
    await expect(connectWire(gatewayd)).rejects.toThrow("ECONNREFUSED");
    holder.query("commit");
    await holder.messagesUntil("Z");
    expect(await holder.errorResponse()).toMatchObject({ code: "57P01" });
    expect(await gatewayd.process.waitForExit()).toEqual({ code: 0, signal: null });
  });

  test.each(POOLED)("24: in %s mode without TLS where it is required, with 28000", async (mode) => {
    const target = stage.target(`${mode}-tls`);
    await using plain = await connectWire(target);
    await expectRefused(plain, "28000");
    await using encrypted = await connectWire(target);
    await encrypted.requestTls();
    await encrypted.login();
    encrypted.query("select 'in'");
    await encrypted.messagesUntil("Z");
  });
});

describe("25: under verify-full a client's certificate names its user", () => {
  async function connect(mode: Pooled, certificate: string): Promise<WireClient> {
    const client = await connectWire(stage.target(`${mode}-full`));
    const [cert, key] = await Promise.all(
      ["crt", "key"].map((kind) => readFile(pem(`${certificate}.${kind}`), "utf8")),
    );
    await client.requestTls({ ...(cert && { cert }), ...(key && { key }) });
    return client;
  }

  test.each(POOLED)("25: in %s mode, whatever the method", async (mode) => {
    await using client = await connect(mode, "client");
    await client.login();
    await using disguised = await connect(mode, "client");
    disguised.startup({ user: "other", database: "postgres" });
    expect(await disguised.errorResponse()).toMatchObject({ severity: "FATAL", code: "28000" });
    await disguised.ended();
    await using somebody = await connect(mode, "other-client");
    await expectRefused(somebody, "28000");
  });
});

describe("26: what does not go together is an error, never ignored", () => {
  let directory: string;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "gatewayd-rule-26-"));
  });
  afterAll(async () => {
    await rm(directory, { recursive: true });
  });

  /** How a start with this configuration ends. */
  async function startWith(config: string) {
    const path = join(directory, "gatewayd.yaml");
    await writeFile(path, config);
    return await runToEnd([GATEWAYD_BINARY, "run", "--config", path], { env: {}, cwd: directory });
  }

  const trust = { auth: { method: "trust" } };

  test.each<[string, OneBlockOptions, string]>([
    [
      "a pooled group without a method",
      { pool: { mode: "transaction" } },
      "mode: transaction needs servers.default.auth.method: trust, cleartext, md5, scram-sha-256 or cert",
    ],
    [
      "a method in a passthrough group",
      { server: trust },
      "auth.method: trust needs blocks in a pooled mode",
    ],
  ])("26: %s", async (_, options, message) => {
    const { code, stderr } = await startWith(oneBlockConfig("127.0.0.1:1", options));
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });

  test("26: a user of the console without a way in", async () => {
    const user = "{ name: ann, role: viewer }";
    const { code, stderr } = await startWith(`admin: { console: { users: [${user}] } }`);
    expect(code).toBe(1);
    expect(stderr).toContain("admin.console.users.0: cannot log in: give a verifier");
  });

  test("26: passthrough beside a pooled mode", async () => {
    const blocks = (one: unknown, two: unknown) => ({ default: { one, two } });
    const { code, stderr } = await startWith(
      JSON.stringify({
        clients: blocks({}, {}),
        pools: blocks({ mode: "transaction" }, { mode: "passthrough" }),
        servers: { default: trust },
      }),
    );
    expect(code).toBe(1);
    expect(stderr).toContain("two.mode: passthrough does not go with the pooled modes");
  });
});
