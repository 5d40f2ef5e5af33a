/** PgBouncer's userlist.txt lets the same clients in at the gateway as at PgBouncer. */
import { afterAll, beforeAll, expect } from "bun:test";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  freePort,
  oneBlockConfig,
  type PostgresServer,
  psql,
  startGatewayd,
  startPostgres,
  startProcess,
  testNeeding,
  unprivilegedAccount,
} from "../kit/index.ts";

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  directory = await mkdtemp(join(tmpdir(), "gatewayd-userlist-"));
  await chmod(directory, 0o755);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

/** What PostgreSQL would store of a password. */
async function storedAs(encryption: string, role: string): Promise<string> {
  await postgres.query(
    `set password_encryption = '${encryption}'; create role ${role} login password 'secret'`,
  );
  const sql = `select rolpassword from pg_authid where rolname = '${role}'`;
  return String((await postgres.query(sql))[0]?.["rolpassword"]);
}

/** Users and passwords to try, and whether they are right. */
const ATTEMPTS: readonly (readonly [user: string, password: string, isIn: boolean])[] = [
  ["plain", "secret", true],
  ["plain", "Secret", false],
  ["indented", "secret", true],
  ['with "quotes"', 'a " b', true],
  ['with "quotes"', 'a "" b', false],
  ["hashed", "secret", true],
  ["hashed", "wrong", false],
  ["verified", "secret", true],
  ["verified", "wrong", false],
  ["empty", "secret", false],
  ["commented", "secret", false],
  ["semi;colon", "x;y", true],
  ["grün", "grün", true],
  ["windows", "secret", true],
  ["last", "secret", true],
];

testNeeding("pgbouncer")("a userlist.txt means the same", async () => {
  const [hash, verifier] = [
    await storedAs("md5", "hashed"),
    await storedAs("scram-sha-256", "verified"),
  ];
  for (const user of new Set(ATTEMPTS.map(([name]) => name))) {
    if (user === "hashed" || user === "verified") continue;
    await postgres.query(`create role "${user.replaceAll('"', '""')}" login`);
  }
  const auth_file = join(directory, "userlist.txt");
  await writeFile(
    auth_file,
    `; users of the shop
"plain" "secret"
  "indented"\t"secret"   what follows is ignored

"with ""quotes""" "a "" b"
"hashed" "${hash}" ; a comment
"verified" "${verifier}"
"empty" ""
;"commented" "secret"
"semi;colon" "x;y"
"grün" "grün"
"windows" "secret"\r
"last" "secret"`,
  );
  const port = await freePort();
  const config = join(directory, "pgbouncer.ini");
  await writeFile(
    config,
    `[databases]
* = host=127.0.0.1 port=${postgres.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = plain
auth_file = ${auth_file}
`,
  );
  await using bouncer = await startProcess(["pgbouncer", config], { ...unprivilegedAccount() });
  await bouncer.waitForLine("process up");
  await using gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode: "transaction", size: 20 },
      server: {
        auth: { method: "cleartext", allowUnencryptedCleartext: true, usersFile: auth_file },
      },
    }),
  });
  const isIn = async (at: number, user: string, password: string): Promise<boolean> => {
    const env = { PGUSER: user, PGPASSWORD: password };
    const result = await psql("select current_user", { host: "127.0.0.1", port: at, env });
    return result.code === 0 && result.stdout.trim() === user;
  };
  for (const [user, password, expected] of ATTEMPTS) {
    const theirs = await isIn(port, user, password);
    const ours = await isIn(gatewayd.port, user, password);
    expect({ user, password, theirs, ours }).toEqual({
      user,
      password,
      theirs: expected,
      ours: expected,
    });
  }
  await gatewayd.stop();
});
