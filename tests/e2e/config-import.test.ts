/** PgBouncer and the gateway serve the same clients: one by its pgbouncer.ini, the other by what is imported of it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  freePort,
  GATEWAYD_BINARY,
  type PostgresServer,
  psql,
  type RunningProcess,
  runToEnd,
  startGatewayd,
  startPostgres,
  startProcess,
  testNeeding,
  unprivilegedAccount,
} from "../kit/index.ts";

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres({ auth: "scram-sha-256" });
  directory = await mkdtemp(join(tmpdir(), "gatewayd-import-"));
  // PgBouncer, which does not run as root, makes its socket here.
  await chmod(directory, 0o777);
  const lookup =
    "create function auth.lookup(name text) returns table (usename name, passwd text) " +
    "language sql security definer as " +
    "$$ select rolname, rolpassword from pg_catalog.pg_authid where rolname = name $$";
  for (const database of ["template1", "postgres"]) {
    await postgres.query("create schema auth", database);
    await postgres.query(lookup, database);
  }
  await postgres.query("create database shop");
  for (const role of ["plain", "verified", "asked"]) {
    await postgres.query(`create role ${role} login password 'secret'`);
  }
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function startBouncer(ini: string): Promise<RunningProcess> {
  const bouncer = await startProcess(["pgbouncer", ini], { ...unprivilegedAccount() });
  await bouncer.waitForLine("process up");
  return bouncer;
}

async function importIni(ini: string, target: string) {
  return await runToEnd([GATEWAYD_BINARY, "config", "import", ini, "--config", target], {
    cwd: "/",
    env: {},
  });
}

interface Attempt {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Who and where a client is, or that it is refused. */
async function placeOf(attempt: Attempt, port: number): Promise<string> {
  const { user, password, database } = attempt;
  const result = await psql("select current_user, current_database(), current_setting('port')", {
    host: "127.0.0.1",
    port,
    env: { PGUSER: user, PGPASSWORD: password, PGDATABASE: database },
  });
  return result.code === 0 ? result.stdout.trim() : "refused";
}

const IN_FILE = ["plain", "verified"];
const DATABASES = ["shop", "store", "Old.Shop", "owned", "postgres", "missing"];
/**
 * Looked up by the query. PgBouncer 1.18 hangs when it looks up a user for a database that has a login of its
 * own, or that is not there.
 */
const LOOKED_UP = ["asked", "nobody"];
const LOOKED_UP_IN = ["shop", "store", "Old.Shop", "postgres"];

/** All with the right password, and some with another one: who guesses often has to wait. */
function allAttempts(): readonly Attempt[] {
  const right = [
    ...IN_FILE.flatMap((user) => DATABASES.map((database) => ({ user, database }))),
    ...LOOKED_UP.flatMap((user) => LOOKED_UP_IN.map((database) => ({ user, database }))),
  ].map((attempt) => ({ ...attempt, password: "secret" }));
  const wrong = [...IN_FILE, ...LOOKED_UP].map((user) => ({
    user,
    database: "shop",
    password: "wrong",
  }));
  return [...right, ...wrong];
}

for (const authType of ["md5", "scram-sha-256"]) {
  testNeeding("pgbouncer")(`with auth_type ${authType} the same clients are served`, async () => {
    const sql = "select rolpassword from pg_authid where rolname = 'verified'";
    const verifier = String((await postgres.query(sql))[0]?.["rolpassword"]);
    const userlist = `"postgres" "${postgres.password}"\n"plain" "secret"\n"verified" "${verifier}"\n`;
    await writeFile(join(directory, "userlist.txt"), userlist);
    const port = await freePort();
    const ini = join(directory, `${authType}.ini`);
    const place = `host=127.0.0.1 port=${postgres.port}`;
    await writeFile(
      join(directory, "databases.ini"),
      `[databases]
shop = ${place} pool_mode=transaction
store = ${place} dbname=shop
Old.Shop = ${place} dbname=shop pool_size=3
owned = ${place} dbname=postgres user=postgres
* = ${place}
`,
    );
    await writeFile(
      ini,
      `%include ${join(directory, "databases.ini")}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir = ${directory}
auth_type = ${authType}
auth_file = ${join(directory, "userlist.txt")}
auth_user = postgres
auth_query = select * from auth.lookup($1)
default_pool_size = 5
ignore_startup_parameters = extra_float_digits
reserve_pool_size = 2
server_login_retry = 1
`,
    );

    const target = join(directory, `${authType}.yaml`);
    const imported = await importIni(ini, target);
    expect(imported).toMatchObject({ code: 0, stdout: "" });
    const lines = imported.stderr.split("\n");
    expect(lines).toContain(
      `${ini}:12: reserve_pool_size: there is no reserve; nearest: pools.default.<block>.size, made as much larger`,
    );
    expect(lines.at(-2)).toBe(`${target} was written, 7 notes are above`);
    expect((await stat(target)).mode & 0o777).toBe(0o600);
    expect(await importIni(ini, target)).toMatchObject({
      code: 1,
      stderr: `Error: ${target} exists already; --force overwrites it\n`,
    });

    const attempts = allAttempts();
    const theirs: string[] = [];
    {
      await using bouncer = await startBouncer(ini);
      for (const attempt of attempts) theirs.push(await placeOf(attempt, port));
      // The socket would be in the gateway's way.
      await bouncer.end("SIGTERM");
    }
    // The same port and socket, now the gateway's.
    await using gatewayd = await startGatewayd({
      config: await Bun.file(target).text(),
      listeners: 2,
    });
    expect(gatewayd.addresses).toEqual([`127.0.0.1:${port}`, join(directory, `.s.PGSQL.${port}`)]);
    const ours: string[] = [];
    for (const attempt of attempts) ours.push(await placeOf(attempt, port));
    const compared = (places: readonly string[]) =>
      attempts.map((attempt, index) => ({ ...attempt, place: places[index] }));
    expect(compared(ours)).toEqual(compared(theirs));
    // Nothing would be compared if nobody got in.
    expect(ours).toContain(`asked|shop|${postgres.port}`);
    expect(ours).toContain(`postgres|postgres|${postgres.port}`);
    expect(ours).toContain("refused");
    await gatewayd.stop();
  });
}

test("what cannot be read or written is named", async () => {
  const target = join(directory, "named.yaml");
  expect(await importIni(directory, target)).toMatchObject({
    code: 1,
    stderr: `Error: ${directory} cannot be read: EISDIR: illegal operation on a directory, read\n`,
  });
  const ini = join(directory, "named.ini");
  await writeFile(
    ini,
    "[databases]\ndb = host=127.0.0.1\n[pgbouncer]\nauth_type = trust\npidfile = x\n",
  );
  const nowhere = join(directory, "absent", "named.yaml");
  const refused = await importIni(ini, nowhere);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toStartWith(`Error: ${nowhere} cannot be written: ENOENT`);
  const { stderr } = await importIni(ini, target);
  expect(stderr).toEndWith(`${target} was written, 1 note is above\n`);
});

testNeeding("pgbouncer")("every setting of PgBouncer is known", async () => {
  const port = await freePort();
  const ini = join(directory, "all.ini");
  const start = `[databases]\n* = host=127.0.0.1 port=${postgres.port}\n[pgbouncer]\nauth_type = any\n`;
  await writeFile(
    ini,
    `${start}listen_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =\nadmin_users = admin\n`,
  );
  await using bouncer = await startBouncer(ini);
  const shown = await psql("show config", {
    host: "127.0.0.1",
    port,
    env: { PGUSER: "admin", PGDATABASE: "pgbouncer" },
  });
  await bouncer.end();
  const names = shown.stdout.split("\n").flatMap((line) => line.split("|")[0] || []);
  expect(names.length).toBeGreaterThan(70);
  const all = join(directory, "every.ini");
  await writeFile(all, `${start}${names.map((name) => `${name} = x\n`).join("")}`);
  const imported = await importIni(all, join(directory, "every.yaml"));
  const unknown = imported.stderr.split("\n").filter((line) => line.includes("is not known"));
  expect(unknown).toEqual([]);
});

testNeeding("pgbouncer")("what cannot be imported is told in one line", async () => {
  const target = join(directory, "none.yaml");
  const missing = await importIni("/nowhere/pgbouncer.ini", target);
  expect(missing.code).toBe(1);
  expect(missing.stderr).toContain("/nowhere/pgbouncer.ini");
  const nothing = await runToEnd([GATEWAYD_BINARY, "config", "import"], { env: {} });
  expect(nothing.stderr).toStartWith("Error: give the path of one pgbouncer.ini\n\nUsage:\n");
});
