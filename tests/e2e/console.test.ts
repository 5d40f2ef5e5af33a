/** The console over the proxy port: who gets in, what is said, what becomes of it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import postgresJs from "postgres";
import {
  cancelRequest,
  connectWire,
  freePort,
  type GatewaydProcess,
  oneBlockConfig,
  type OneBlockOptions,
  type PostgresServer,
  psql,
  runToEnd,
  scramLogin,
  startGatewayd,
  startPostgres,
  testNeeding,
  testWhere,
  unprivilegedAccount,
  waitFor,
} from "../kit/index.ts";

const PASSWORD = "walrus";
const ROLES = { eve: "viewer", ann: "operator", ada: "admin" } as const;

let postgres: PostgresServer;
/** In front of a pooled block, and of one in mode passthrough. */
let pooled: GatewaydProcess;
let passthrough: GatewaydProcess;
const TRUST = { auth: { method: "trust" } };

let verifiers: Readonly<Record<string, string>>;

/** As an operator makes them: by PostgreSQL. */
async function verifierOf(name: string): Promise<string> {
  await postgres.query(`create role ${name} password '${PASSWORD}'`);
  const rows = await postgres.query(`select rolpassword from pg_authid where rolname = '${name}'`);
  return String(rows[0]?.["rolpassword"]);
}

function configWith(options: OneBlockOptions, more: object = {}): string {
  const users = Object.entries(ROLES).map(([name, role]) => ({
    ...{ name, role },
    verifier: verifiers[name],
  }));
  const parts = { admin: { console: { users, ...more } } };
  return oneBlockConfig(postgres.address, { ...options, parts });
}

beforeAll(async () => {
  postgres = await startPostgres();
  const names = Object.keys(ROLES);
  const made = await Promise.all(
    names.map(async (name) => [name, await verifierOf(name)] as const),
  );
  verifiers = Object.fromEntries(made);
  const server = { auth: { method: "trust" } };
  [pooled, passthrough] = await Promise.all([
    startGatewayd({ config: configWith({ pool: { size: 3, mode: "transaction" }, server }) }),
    startGatewayd({ config: configWith({ pool: { size: 2 } }) }),
  ]);
}, 60_000);

afterAll(async () => {
  await Promise.all([pooled.stop(), passthrough.stop()]);
  await pooled[Symbol.asyncDispose]();
  await passthrough[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

function type(
  text: string,
  { user = "ada", database = "gatewayd", password = PASSWORD, gateway = pooled } = {},
) {
  const { host, port } = gateway;
  const env = { PGUSER: user, PGDATABASE: database, PGPASSWORD: password };
  return psql(text, { host, port, env });
}

function clientOf(gateway: GatewaydProcess = pooled, user = "ada"): Client {
  const { host, port } = gateway;
  return new Client({ host, port, user, password: PASSWORD, database: "pgbouncer" });
}

describe("psql", () => {
  testNeeding("psql")("is served at both names, whatever the group's logins are", async () => {
    for (const gateway of [pooled, passthrough]) {
      for (const database of ["gatewayd", "pgbouncer"]) {
        const shown = await type("show version;", { gateway, database });
        expect(shown).toMatchObject({ code: 0, stderr: "" });
        expect(shown.stdout).toMatch(/^gatewayd \d+\.\d+\.\d+\n$/);
      }
    }
  });

  testNeeding("psql")("gets several answers to a text in any case", async () => {
    const shown = await type("SHOW State; show help\n;\n");
    expect(shown.stdout).toStartWith("active|yes\npaused|no\nsuspended|no\n");
    expect(shown.stdout).toContain("SHOW DATABASES|");
  });

  testNeeding("psql")("is told clearly of what is no command, and can go on", async () => {
    const refused = await type("\\set ON_ERROR_STOP 0\nselect 1;\n\\d\nshow version;\n");
    expect(refused.stderr).toContain("42601");
    expect(refused.stderr).toContain("the console does not know SELECT");
    expect(refused.stderr).toContain("HINT:  SHOW HELP lists the commands.");
    expect(refused.stdout).toStartWith("gatewayd ");
  });

  testNeeding("psql")("is told of a wrong password as at every other login", async () => {
    const refused = await type("show version", { password: "wrong" });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("FATAL:  password authentication failed");
    await pooled.process.waitForLine("gave a wrong password");
    const unknown = await type("show version", { user: "nobody" });
    expect(unknown.stderr).toBe(refused.stderr);
  });
});

describe("drivers", () => {
  test("pg is served by both protocols", async () => {
    const client = clientOf();
    await client.connect();
    const simple = await client.query("show databases");
    expect(simple.rows).toMatchObject([{ name: "writes", pool_size: 3, pool_mode: "transaction" }]);
    const named = await client.query({ name: "s", text: "show databases", values: [] });
    expect(named.rows).toEqual(simple.rows);
    const again = await client.query({ name: "s", text: "show databases", values: [] });
    expect(again.rows).toEqual(simple.rows);
    await expect(client.query("show databases where x = $1", [1])).rejects.toThrow(
      expect.objectContaining({ code: "42601" }),
    );
    expect((await client.query("show state")).rows).toHaveLength(4);
    await client.end();
  });

  test("postgres.js is served", async () => {
    const { host, port } = pooled;
    const sql = postgresJs({
      ...{ host, port, username: "eve", password: PASSWORD, database: "gatewayd", max: 1 },
      fetch_types: false,
    });
    expect(await sql`show state`).toHaveLength(4);
    expect((await sql.unsafe("show blocks"))[0]).toMatchObject({ size: 3, paused: false });
    await sql.end();
  });
});

describe("roles", () => {
  testNeeding("psql")("decide who may do what, and all that is done is written down", async () => {
    const refused = await type("pause writes", { user: "eve" });
    expect(refused.stderr).toContain("42501");
    expect(refused.stderr).toContain("PausePool needs the role operator; eve is viewer");
    const line = await pooled.process.waitForLine('does="pause a pool"');
    expect(line).toContain("caller=eve");
    expect(line).toContain("door=console");
    expect(line).toContain("ERR_ADMIN_FORBIDDEN");
    expect((await type("shutdown", { user: "ann" })).stderr).toContain(
      "Drain needs the role admin",
    );
    expect(await type("set log_level = debug", { user: "ann" })).toMatchObject({ code: 0 });
    await pooled.process.waitForLine('does="set the log level"');
    expect(await type("set log_level.default to info", { user: "ann" })).toMatchObject({ code: 0 });
    expect((await type("set log_level = loud")).stderr).toContain('"loud" is none of trace');
  });
});

describe("commands", () => {
  test("pause waits for clients, closes all connections to the server, and is ended", async () => {
    await using busy = await connectWire(pooled);
    await busy.login();
    busy.query("begin");
    await busy.messagesUntil("Z");
    const [admin, other] = [clientOf(), clientOf(pooled, "eve")];
    await Promise.all([admin.connect(), other.connect()]);
    let isPaused = false;
    const pausing = admin.query("pause").then(() => (isPaused = true));
    const blocks = async () => (await other.query("show blocks")).rows;
    await waitFor("the pause", async () => (await blocks())[0]?.paused === true);
    expect(isPaused).toBe(false);
    busy.query("commit");
    await busy.messagesUntil("Z");
    await pausing;
    expect(await blocks()).toMatchObject([{ available: 0, leased: 0, retiring: 0 }]);
    busy.query("select 1");
    await waitFor("it to wait", async () => (await blocks())[0]?.waiting === 1);
    await admin.query("resume writes");
    await busy.messagesUntil("Z");
    await Promise.all([admin.end(), other.end()]);
  });

  test("a pause is not waited for any more when it is cancelled", async () => {
    await using busy = await connectWire(pooled);
    await busy.login();
    busy.query("begin");
    await busy.messagesUntil("Z");
    await using admin = await connectWire(pooled);
    admin.startup({ user: "ada", database: "gatewayd" });
    const greeting = await scramLogin(admin, PASSWORD);
    const key = greeting.find((message) => message.type === "K")?.body ?? Buffer.alloc(0);
    admin.query("pause");
    const observer = clientOf();
    await observer.connect();
    const isPaused = async () => (await observer.query("show blocks")).rows[0]?.paused === true;
    await waitFor("the pause", isPaused);
    await using canceller = await connectWire(pooled);
    canceller.send(cancelRequest(key));
    expect(await admin.errorResponse()).toMatchObject({ severity: "ERROR", code: "57014" });
    await admin.messagesUntil("Z");
    expect(await isPaused()).toBe(true);
    await observer.query("resume");
    await observer.end();
  });

  test("sessions are shown, cancelled and ended", async () => {
    await using client = await connectWire(passthrough);
    await client.login({ user: "postgres", database: "postgres", application_name: "shop" });
    const admin = clientOf(passthrough);
    await admin.connect();
    const session = async () => {
      const { rows } = await admin.query("show sessions");
      return rows.find((row) => row.client_address === client.localAddress);
    };
    expect(await session()).toMatchObject({ application_name: "shop", user: "postgres" });
    client.query("select pg_sleep(60)");
    await waitFor("it to be active", async () => (await session())?.activity === "active");
    const { id } = await session();
    await admin.query(`cancel ${id}`);
    expect(await client.errorResponse()).toMatchObject({ code: "57014" });
    await admin.query(`kill ${id}`);
    expect(await client.errorResponse()).toMatchObject({ severity: "FATAL", code: "57P01" });
    await waitFor("it to be gone", async () => (await session()) === undefined);
    await expect(admin.query(`kill_client ${id}`)).rejects.toThrow(`no session has the id "${id}"`);
    await expect(admin.query("pause")).rejects.toThrow("mode passthrough");
    // Clients of the console are sessions as well.
    await using other = await connectWire(passthrough);
    other.startup({ user: "eve", database: "gatewayd" });
    await scramLogin(other, PASSWORD);
    const { rows } = await admin.query("show sessions");
    await admin.query(`kill ${rows.find((row) => row.client_address === other.localAddress)?.id}`);
    expect(await other.errorResponse()).toMatchObject({ severity: "FATAL", code: "57P01" });
    await admin.end();
  });
});

describe("the name of the console", () => {
  test("is one of the server's where nobody may log in to the console", async () => {
    await postgres.query("create database gatewayd");
    const config = oneBlockConfig(postgres.address);
    await using gatewayd = await startGatewayd({ config });
    await using client = await connectWire(gatewayd);
    await client.login({ user: "postgres", database: "gatewayd" });
    client.query("select current_database()");
    const rows = await client.messagesUntil("Z");
    expect(rows.some(({ type: kind, body }) => kind === "D" && body.includes("gatewayd"))).toBe(
      true,
    );
    await gatewayd.stop();
  });

  testNeeding("psql")("can be another", async () => {
    const config = configWith({}, { names: ["console"] });
    await using gatewayd = await startGatewayd({ config });
    expect((await type("show version", { gateway: gatewayd, database: "console" })).code).toBe(0);
    const { host, port } = gatewayd;
    const env = { PGDATABASE: "gatewayd", PGPASSWORD: postgres.password };
    expect((await psql("select current_database()", { host, port, env })).stdout).toBe(
      "gatewayd\n",
    );
    await gatewayd.stop();
  });
});

describe("without a password", () => {
  testNeeding("psql")("the gateway's own system user gets in over a Unix socket", async () => {
    const directory = await mkdtemp(join(tmpdir(), "gatewayd-console-"));
    const port = await freePort();
    const config = oneBlockConfig(postgres.address, {
      server: { address: [`127.0.0.1:${port}`, directory] },
    });
    await using gatewayd = await startGatewayd({ config, listeners: 2 });
    const env = { PGDATABASE: "pgbouncer" };
    const local = await psql("show version; set log_level = debug", { host: directory, port, env });
    expect(local).toMatchObject({ code: 0, stderr: "" });
    const line = await gatewayd.process.waitForLine('does="set the log level"');
    expect(line).toContain(`caller="uid ${process.geteuid?.()}"`);
    const remote = await psql("show version", { host: "127.0.0.1", port, env });
    expect(remote.stderr).toContain('database "pgbouncer" does not exist');
    await gatewayd.stop();
    await rm(directory, { recursive: true });
  });

  const stranger = unprivilegedAccount();
  const canBeTried = Bun.which("psql") !== null && stranger !== undefined;
  testWhere(canBeTried, "needs psql and root")("no other system user does", async () => {
    const directory = await mkdtemp(join(tmpdir(), "gatewayd-console-"));
    await chmod(directory, 0o755);
    const socket = join(directory, ".s.PGSQL.15432");
    const config = oneBlockConfig(postgres.address, { server: { address: [socket] } });
    await using gatewayd = await startGatewayd({ config });
    const { stderr } = await runToEnd(
      ["psql", "-X", "-h", directory, "-p", "15432", "-U", "postgres", "pgbouncer"],
      { ...stranger, stdin: "show version", env: { PATH: process.env["PATH"], HOME: "/" } },
    );
    expect(stderr).toContain('database "pgbouncer" does not exist');
    await gatewayd.stop();
    await rm(directory, { recursive: true });
  });

  testNeeding("psql")("who shows a certificate of the configuration gets in", async () => {
    const certificates = await mkdtemp(join(tmpdir(), "gatewayd-console-"));
    await cp(join(import.meta.dir, "..", "fixtures", "tls"), certificates, { recursive: true });
    const pem = (name: string): string => join(certificates, name);
    // libpq wants keys that nobody else can read.
    for (const name of ["client", "other-client"]) await chmod(pem(`${name}.key`), 0o600);
    const server = {
      ...{ enableTLS: true, tlsMode: "verify-ca", clientCAFile: pem("ca.crt") },
      ...{ certFile: pem("server.crt"), keyFile: pem("server.key") },
    };
    const users = [
      { name: "bob", role: "viewer", certificate: "somebody" },
      { name: "ada", role: "admin", verifier: verifiers["ada"] },
    ];
    await using gatewayd = await startGatewayd({ config: configWith({ server }, { users }) });
    const login = (user: string, certificate: string, password: string) =>
      psql("show version", {
        host: gatewayd.host,
        port: gatewayd.port,
        env: {
          ...{ PGUSER: user, PGDATABASE: "gatewayd", PGPASSWORD: password, PGSSLMODE: "require" },
          ...{ PGSSLCERT: pem(`${certificate}.crt`), PGSSLKEY: pem(`${certificate}.key`) },
        },
      });
    expect(await login("bob", "other-client", "none")).toMatchObject({ code: 0, stderr: "" });
    const other = await login("bob", "client", "none");
    expect(other.stderr).toContain("FATAL:  password authentication failed");
    // By SCRAM-SHA-256-PLUS, since the connection is encrypted.
    expect(await login("ada", "client", PASSWORD)).toMatchObject({ code: 0, stderr: "" });
    await gatewayd.stop();
    await rm(certificates, { recursive: true });
  });
});

test("SHOW CONFIG tells what a reload can change", async () => {
  const client = clientOf();
  await client.connect();
  const { rows } = await client.query("show config");
  const changeable = (key: string): unknown => rows.find((row) => row.key === key)?.changeable;
  expect(changeable("pools.default.writes.size")).toBe("yes");
  expect(changeable("servers.default.address")).toBe("no");
  await client.end();
});

test("SHUTDOWN lets clients finish and ends the gateway", async () => {
  await using gatewayd = await startGatewayd({ config: configWith({}) });
  const admin = clientOf(gatewayd);
  admin.on("error", () => {}); // It is ended, too.
  await admin.connect();
  await admin.query("shutdown");
  expect(await gatewayd.process.waitForExit(20_000)).toMatchObject({ code: 0 });
});

testNeeding("psql")(
  "RELOAD takes what the file says now, or tells what is wrong with it",
  async () => {
    const config = (size: number): string =>
      configWith({ pool: { size, mode: "transaction" }, server: TRUST });
    await using gatewayd = await startGatewayd({ config: config(2) });
    const path = join(gatewayd.directory, "gatewayd.yaml");
    await Bun.write(path, config(3));
    const reloaded = await type("reload; show blocks", { gateway: gatewayd });
    expect(reloaded.stderr).toContain("changed: pools.default.writes.size");
    expect(reloaded.stdout).toMatch(/^default\|writes\|transaction\|[^|]+\|3\|/);
    await Bun.write(path, config(-2));
    const refused = await type("reload", { gateway: gatewayd });
    expect(refused.code).toBe(3);
    expect(refused.stderr).toContain("pools.default.writes.size: must be at least");
    expect((await type("reload", { gateway: gatewayd, user: "ann" })).stderr).toContain("42501");
    await gatewayd.stop();
  },
);
