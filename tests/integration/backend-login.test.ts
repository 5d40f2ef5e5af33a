import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, chown, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deriveKeys, Hidden, md5Hash, parseVerifier } from "../../src/auth/index.ts";
import {
  loginToServer,
  type NegotiateTlsOptions,
  negotiateTls,
  runSimpleQuery,
  sendCancelRequest,
  type ServerCredential,
  type ServerLoginOptions,
  type ServerTlsMode,
} from "../../src/backend/index.ts";
import { type Address, type Connection, dial, TimerWheel } from "../../src/net/index.ts";
import { makeCertificate, type TestCertificate } from "../fixtures/certificates.ts";
import {
  expectSameDescriptors,
  openDescriptors,
  type PostgresServer,
  startPostgres,
  waitFor,
} from "../kit/index.ts";

const PASSWORD = "sécret";
const BY_PASSWORD: ServerCredential = { kind: "password", password: new Hidden(PASSWORD) };
const MODES = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
const timers = new TimerWheel();
const talk = { block: "writes", timeoutMs: 20_000, timers };

const authority = makeCertificate({ commonName: "test authority", isAuthority: true });
const stranger = makeCertificate({ commonName: "another authority", isAuthority: true });
const local = { commonName: "localhost", dnsNames: ["localhost"], issuer: authority };
const good = makeCertificate(local);

/** Each user is asked for another method. */
const RULES = `
host    all postgres   all trust
local   all all            scram-sha-256
host    all trusted    all trust
host    all limited    all trust
host    all clear      all password
host    all hashed     all md5
host    all scrammed   all scram-sha-256
hostssl all certified  all cert
hostssl all twice      all scram-sha-256 clientcert=verify-full
`;

let postgres: PostgresServer;
let plainPostgres: PostgresServer;
let directory: string;
const dialled = new Set<Connection>();

beforeAll(async () => {
  plainPostgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-backend-"));
  await chmod(directory, 0o755);
  await writeCertificate(good);
  await writeFile(join(directory, "ca.crt"), authority.cert);
  postgres = await startPostgres({
    settings: {
      ssl: true,
      ssl_cert_file: join(directory, "server.crt"),
      ssl_key_file: join(directory, "server.key"),
      ssl_ca_file: join(directory, "ca.crt"),
    },
  });
  await postgres.query(`
    set password_encryption = 'md5';
    create role hashed login password '${PASSWORD}';
    set password_encryption = 'scram-sha-256';
    create role clear login password '${PASSWORD}';
    create role scrammed login password '${PASSWORD}';
    create role twice login password '${PASSWORD}';
    create role certified login;
    create role trusted login;
    create role limited login connection limit 0`);
  await writeFile(join(postgres.socketDirectory, "data", "pg_hba.conf"), RULES);
  await postgres.restart();
}, 120_000);

afterAll(async () => {
  for (const connection of dialled) connection.terminate();
  await postgres[Symbol.asyncDispose]();
  await plainPostgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** Where the server looks for it at its next start. */
async function writeCertificate({ cert, key }: TestCertificate): Promise<void> {
  const { uid, gid } = await stat(plainPostgres.socketDirectory);
  for (const [name, text] of [
    ["server.crt", cert],
    ["server.key", key],
  ] as const) {
    const path = join(directory, name);
    await rm(path, { force: true });
    await writeFile(path, text, { mode: 0o600 });
    await chown(path, uid, gid);
  }
}

interface Attempt extends Partial<Omit<ServerLoginOptions, "parameters">> {
  readonly server?: PostgresServer;
  readonly address?: Address;
  readonly tlsMode?: ServerTlsMode;
  readonly tls?: Partial<NegotiateTlsOptions["tls"]>;
  readonly parameters?: Readonly<Record<string, string>>;
}

/** Dials, encrypts and logs in. */
async function login(attempt: Attempt) {
  const { server = postgres, tlsMode = "disable", tls, parameters = {}, ...more } = attempt;
  const tcp = { kind: "tcp", host: server.host, port: server.port } as const;
  const { connection, address } = await dial({
    address: attempt.address ?? tcp,
    timeoutMs: 5_000,
    keepAliveMs: 0,
    timers,
  });
  dialled.add(connection);
  const encryption = await negotiateTls(connection, {
    ...talk,
    tlsMode,
    tls: { serverName: "localhost", ca: authority.cert, ...tls },
  });
  const loggedIn = await loginToServer(connection, {
    ...talk,
    user: "trusted",
    database: "postgres",
    parameters: Object.entries(parameters),
    encryption,
    ...more,
  });
  const ask = (text: string) => runSimpleQuery(connection, text, talk);
  return { connection, address, ...loggedIn, ask };
}

/** What becomes of an attempt: the method, and whether the server sees it encrypted; or the error. */
async function outcomeOf(attempt: Attempt): Promise<string> {
  try {
    const { method, ask, connection } = await login(attempt);
    const { rows } = await ask("select ssl from pg_stat_ssl where pid = pg_backend_pid()");
    connection.terminate();
    return `${method} ${rows[0]?.[0] === "t" ? "encrypted" : "plain"}`;
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

describe("logging in to a real PostgreSQL", () => {
  const METHODS = [
    ["trusted", "trust", "trust"],
    ["clear", "cleartext", undefined],
    ["hashed", "md5", "md5"],
    ["scrammed", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"],
  ] as const;
  const matrix = METHODS.flatMap(([user, method, plainMethod]) =>
    MODES.map((tlsMode) => {
      const isPlain = tlsMode === "disable";
      const expected = isPlain ? plainMethod && `${plainMethod} plain` : `${method} encrypted`;
      return [user, tlsMode, expected ?? "cleartext, and the connection is not encrypted"] as const;
    }),
  );

  test.each(matrix)("as %s under %s: %s", async (user, tlsMode, expected) => {
    expect(await outcomeOf({ user, tlsMode, credential: BY_PASSWORD })).toContain(expected);
  });

  test("that has no TLS", async () => {
    const attempt = { server: plainPostgres, user: "postgres" };
    expect(await outcomeOf({ ...attempt, tlsMode: "prefer" })).toBe("trust plain");
    for (const tlsMode of ["require", "verify-ca", "verify-full"] as const) {
      expect(await outcomeOf({ ...attempt, tlsMode })).toContain("the server has no TLS");
    }
  });

  test("gives a password in clear text where that is allowed", async () => {
    const attempt = { user: "clear", credential: BY_PASSWORD, isCleartextAllowed: true };
    expect(await outcomeOf(attempt)).toBe("cleartext plain");
  });

  test("by unix socket", async () => {
    const address = { kind: "unix", path: postgres.socketDirectory } as const;
    const path = join(address.path, `.s.PGSQL.${postgres.port}`);
    const attempt = { user: "scrammed", credential: BY_PASSWORD };
    expect(await outcomeOf({ ...attempt, address: { kind: "unix", path } })).toBe(
      "SCRAM-SHA-256 plain",
    );
  });

  test("by a stored md5 hash", async () => {
    const hash = md5Hash("hashed", new Hidden(PASSWORD));
    const attempt = { user: "hashed", credential: { kind: "md5", hash } } as const;
    expect(await outcomeOf(attempt)).toBe("md5 plain");
  });

  test("by the keys of a client's proof, bound to the channel", async () => {
    const [row] = await postgres.query(
      "select rolpassword from pg_authid where rolname = 'scrammed'",
    );
    const verifier = parseVerifier(String(row?.["rolpassword"]));
    if (verifier === undefined) throw new Error("no verifier");
    const { salt, iterations } = verifier;
    const keys = await deriveKeys(new Hidden(PASSWORD), salt, iterations);
    const credential = { kind: "keys", keys: new Hidden({ ...keys, salt, iterations }) } as const;
    const attempt = { user: "scrammed", credential };
    expect(await outcomeOf({ ...attempt, tlsMode: "verify-full" })).toBe(
      "SCRAM-SHA-256-PLUS encrypted",
    );
    const other = { ...keys, salt: new Uint8Array(16), iterations };
    expect(
      await outcomeOf({ ...attempt, credential: { kind: "keys", keys: new Hidden(other) } }),
    ).toContain("another verifier");
  });

  test.each([0x0003_0000, 0x0003_0002])(
    "in version %p, with a key that cancels",
    async (version) => {
      const session = await login({ protocolVersion: version });
      expect(session.protocolVersion).toBe(version);
      expect(session.keyData).toHaveLength(version === 0x0003_0000 ? 8 : 36);
      const [answer] = await Promise.all([
        session.ask("select pg_sleep(60)"),
        (async () => {
          await waitFor("the query", async () => {
            const active =
              "select 1 from pg_stat_activity where query like '%sleep(60)' and pid = ";
            const pid = new DataView(session.keyData?.buffer ?? new ArrayBuffer(4)).getInt32(0);
            return (await postgres.query(active + pid)).length > 0;
          });
          await sendCancelRequest(
            { address: session.address },
            session.keyData ?? new Uint8Array(),
            timers,
          );
        })(),
      ]);
      expect(answer.error?.code).toBe("57014");
    },
  );

  test("with parameters, whose values come back as the server writes them", async () => {
    const { parameters, ask } = await login({
      parameters: {
        application_name: "gatewayd",
        client_encoding: "UTF8",
        DateStyle: "german",
        options: "-c geqo=off -c statement_timeout=7s",
      },
    });
    expect(parameters.get("application_name")).toBe("gatewayd");
    expect(parameters.get("DateStyle")).toBe("German, DMY");
    expect(parameters.get("server_version")).toStartWith("18");
    const answer = await ask("show geqo; show statement_timeout; select session_user");
    expect(answer.rows).toEqual([["off"], ["7s"], ["trusted"]]);
  });

  const refused: readonly (readonly [string, Attempt, string, string])[] = [
    ["a wrong password", { user: "scrammed" }, "28P01", "ERR_SERVER_LOGIN"],
    ["a wrong password for md5", { user: "hashed" }, "28P01", "ERR_SERVER_LOGIN"],
    [
      "a wrong one in clear text",
      { user: "clear", tlsMode: "require" },
      "28P01",
      "ERR_SERVER_LOGIN",
    ],
    ["an unknown database", { database: "nowhere" }, "3D000", "ERR_SERVER_LOGIN"],
    ["an unknown user", { user: "nobody" }, "28000", "ERR_SERVER_LOGIN"],
    ["an unknown parameter", { parameters: { nonsense: "1" } }, "42704", "ERR_SERVER_LOGIN"],
    ["a wrong value", { parameters: { DateStyle: "martian" } }, "22023", "ERR_SERVER_LOGIN"],
    ["one connection too many", { user: "limited" }, "53300", "ERR_SERVER_BUSY"],
  ];
  test.each(refused)(
    "with %s is refused in the server's words",
    async (_, attempt, sqlState, code) => {
      const wrong = { kind: "password", password: new Hidden("wrong") } as const;
      await expect(login({ credential: wrong, ...attempt })).rejects.toMatchObject({
        code,
        refusal: { notice: { severity: "FATAL", code: sqlState } },
      });
    },
  );

  test("leaves nothing behind when it fails", async () => {
    const before = openDescriptors(process.pid);
    for (const tlsMode of ["disable", "require", "verify-full"] as const) {
      for (const user of ["nobody", "scrammed"]) {
        const failing = login({ user, tlsMode, tls: { serverName: "elsewhere" } });
        await expect(failing).rejects.toThrow('block "writes"');
      }
    }
    await expectSameDescriptors(process.pid, before);
    await waitFor("the server's side", async () => {
      const others = "select 1 from pg_stat_activity where usename in ('scrammed', 'nobody')";
      return (await postgres.query(others)).length === 0;
    });
  });
});

describe("the certificate of a real PostgreSQL", () => {
  const DAY_MS = 86_400_000;
  const past = { notBefore: new Date(0), notAfter: new Date(Date.now() - DAY_MS) };
  const shown: readonly (readonly [string, TestCertificate, string, string])[] = [
    ["is signed with SHA-384", makeCertificate({ ...local, hash: "sha384" }), "PLUS", "PLUS"],
    ["is for another host", makeCertificate({ ...local, dnsNames: ["a.b"] }), "PLUS", 'not for "'],
    ["has expired", makeCertificate({ ...local, ...past }), "CERT_HAS_EX", "CERT_HAS_EX"],
    [
      "is of an unknown authority",
      makeCertificate({ ...local, issuer: stranger }),
      "UNABLE_TO_VERIFY",
      "UNABLE_TO_VERIFY",
    ],
    [
      "is of nobody but itself",
      makeCertificate({ commonName: "localhost", dnsNames: ["localhost"] }),
      "SELF_SIGNED",
      "SELF_SIGNED",
    ],
  ];

  test.each(shown)(
    "%s",
    async (_, certificate, underVerifyCa, underVerifyFull) => {
      await writeCertificate(certificate);
      await postgres.restart();
      const attempt = { user: "scrammed", credential: BY_PASSWORD };
      for (const tlsMode of ["prefer", "require"] as const) {
        expect(await outcomeOf({ ...attempt, tlsMode })).toBe("SCRAM-SHA-256-PLUS encrypted");
      }
      expect(await outcomeOf({ ...attempt, tlsMode: "verify-ca" })).toContain(underVerifyCa);
      expect(await outcomeOf({ ...attempt, tlsMode: "verify-full" })).toContain(underVerifyFull);
      await writeCertificate(good);
      await postgres.restart();
      expect(await outcomeOf({ ...attempt, tlsMode: "verify-full" })).toContain("PLUS");
    },
    60_000,
  );

  test("is asked for by the name of the server, or by its address", async () => {
    await writeCertificate(makeCertificate({ ...local, ipAddresses: ["127.0.0.1"] }));
    await postgres.restart();
    for (const serverName of ["localhost", "127.0.0.1"]) {
      const tls = { serverName };
      expect(await outcomeOf({ tlsMode: "verify-full", tls })).toBe("trust encrypted");
    }
    const tls = { serverName: "127.0.0.2" };
    expect(await outcomeOf({ tlsMode: "verify-full", tls })).toContain('not for "127.0.0.2"');
  }, 60_000);
});

describe("our certificate at a real PostgreSQL", () => {
  const ours = (commonName: string, issuer = authority) => {
    const { cert, key } = makeCertificate({ commonName, issuer });
    return { tlsMode: "verify-ca", tls: { cert, key } } as const;
  };

  test("logs us in by itself", async () => {
    const attempt = { user: "certified", ...ours("certified") };
    expect(await outcomeOf(attempt)).toBe("trust encrypted");
  });

  test("is wanted beside a password", async () => {
    const attempt = { user: "twice", credential: BY_PASSWORD };
    const accepted = await outcomeOf({ ...attempt, ...ours("twice") });
    expect(accepted).toBe("SCRAM-SHA-256-PLUS encrypted");
    expect(await outcomeOf({ ...attempt, ...ours("somebody") })).toContain("28P01");
  });

  test("is missed where it is required", async () => {
    const attempt = { user: "certified", tlsMode: "require" } as const;
    expect(await outcomeOf(attempt)).toContain("requires a valid client certificate");
  });

  test("has to be for the user", async () => {
    const attempt = { user: "certified", ...ours("somebody") };
    expect(await outcomeOf(attempt)).toContain("28000");
  });

  test("has to be of an authority that the server trusts", async () => {
    const attempt = { user: "certified", ...ours("certified", stranger) };
    expect(await outcomeOf(attempt)).toMatch(/unknown.ca/i);
  });
});

describe("asking a real PostgreSQL outside of sessions", () => {
  test("resets, pings, and tells which settings were changed", async () => {
    const { ask, connection } = await login({});
    expect(await ask("")).toMatchObject({ rows: [], tags: [], error: undefined });
    const changed = await ask("set datestyle = german; set work_mem = '9MB'");
    expect(changed).toMatchObject({ tags: ["SET", "SET"] });
    expect(changed.parameters).toEqual(new Map([["DateStyle", "German, DMY"]]));
    const settings = "select name, setting from pg_settings where source = 'session' order by 1";
    expect((await ask(settings)).rows).toEqual([
      ["DateStyle", "German, DMY"],
      ["work_mem", "9216"],
    ]);
    const reset = await ask("discard all");
    expect([...reset.parameters.keys()]).toEqual(["DateStyle"]);
    expect((await ask(settings)).rows).toEqual([]);
    connection.terminate();
  });

  test("tells of errors and of the transaction they leave, and goes on", async () => {
    const { ask, connection } = await login({});
    const failed = await ask("begin; select 1; select nothing; select 2");
    expect(failed).toMatchObject({ rows: [["1"]], tags: ["BEGIN", "SELECT 1"], status: 0x45 });
    expect(failed.error?.code).toBe("42703");
    expect(await ask("rollback")).toMatchObject({ tags: ["ROLLBACK"], status: 0x49 });
    const copied = await ask("create temp table t (x int); copy t from stdin");
    expect(copied.error?.code).toBe("57014");
    expect(await ask("copy (values (1), (2)) to stdout")).toMatchObject({
      rows: [],
      tags: ["COPY 2"],
    });
    expect((await ask("select 'ü', null")).rows).toEqual([["ü", null]]);
    connection.terminate();
  });

  test("over TLS, an answer of many packets", async () => {
    const { ask, connection } = await login({ tlsMode: "require" });
    const { rows } = await ask("select repeat('x', 100) from generate_series(1, 5000)");
    expect(rows).toHaveLength(5_000);
    const tooMuch = ask("select repeat('x', 1000) from generate_series(1, 5000)");
    await expect(tooMuch).rejects.toMatchObject({ code: "ERR_MESSAGE_TOO_LARGE" });
    expect(connection.isOpen).toBe(false);
  });

  test("fails when the server ends the session, and says why", async () => {
    const { ask, keyData } = await login({});
    const pid = new DataView(keyData?.buffer ?? new ArrayBuffer(4)).getInt32(0);
    const asked = ask("select pg_sleep(60)");
    const [outcome] = await Promise.allSettled([
      asked,
      postgres.query(`select pg_terminate_backend(${pid})`),
    ]);
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "ERR_SERVER_LOST" } });
    expect(outcome).toMatchObject({
      reason: { message: expect.stringContaining("57P01") as unknown },
    });
  });
});
