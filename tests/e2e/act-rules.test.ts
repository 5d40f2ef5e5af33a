/** Rules of gatewayd_plugins.yaml, with the executable, psql and a real PostgreSQL. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import {
  type GatewaydProcess,
  GATEWAYD_BINARY,
  oneBlockConfig,
  type PostgresServer,
  psql,
  runToEnd,
  startGatewayd,
  startPostgres,
  testNeeding,
} from "../kit/index.ts";

const EXAMPLE = join(import.meta.dir, "..", "..", "examples", "plugins", "rules.yaml");
const MODES = ["passthrough", "session", "transaction", "statement"] as const;
const testWithPsql = testNeeding("psql");

let postgres: PostgresServer;
let directory: string;
let usersFile: string;
let example: string;

beforeAll(async () => {
  postgres = await startPostgres({ auth: "scram-sha-256" });
  await postgres.query("create role admin superuser login password 'secret'");
  directory = await mkdtemp(join(tmpdir(), "gatewayd-rules-"));
  usersFile = join(directory, "userlist.txt");
  await writeFile(usersFile, `"postgres" "${postgres.password}"\n"admin" "secret"\n`);
  example = await readFile(EXAMPLE, "utf8");
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function startIn(mode: (typeof MODES)[number], plugins: string): Promise<GatewaydProcess> {
  const auth = { method: "scram-sha-256", usersFile };
  return await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode, size: 4 },
      server: mode === "passthrough" ? {} : { auth },
    }),
    plugins,
  });
}

describe.each(MODES)("in mode %s the rules of the example", (mode) => {
  testWithPsql("refuse psql a DROP TABLE with the SQLSTATE, and let it go on", async () => {
    await using gatewayd = await startIn(mode, example);
    const sql = [
      "create table if not exists kept (id int);",
      "\\set ON_ERROR_STOP 0",
      "drop /* at once */ table kept;",
      "select 'still here', count(*) from kept;",
    ].join("\n");
    const env = { PGPASSWORD: postgres.password };
    const to = { host: gatewayd.host, port: gatewayd.port };
    const { code, stdout, stderr } = await psql(sql, { ...to, env });
    expect(stderr).toContain("ERROR:  42501: only admin drops tables");
    expect(stdout).toBe("still here|0\n");
    expect(code).toBe(0);
    const asAdmin = { ...to, env: { PGUSER: "admin", PGPASSWORD: "secret" } };
    expect(await psql("drop table kept;", asAdmin)).toMatchObject({ code: 0, stderr: "" });
    await gatewayd.process.waitForLine("A rule has ended a request");
    await gatewayd.stop();
  });

  test("limit one query, and tell of a change without a condition", async () => {
    const limited = example
      .replace("requests: 1000", "requests: 3")
      .replace("interval: 1s", "interval: 1h");
    expect(limited).not.toBe(example);
    await using gatewayd = await startIn(mode, limited);
    const { host, port } = gatewayd;
    const client = new Client({
      host,
      port,
      user: "postgres",
      password: postgres.password,
      database: "postgres",
    });
    await client.connect();
    for (const x of [1, 2, 3]) {
      expect((await client.query(`select ${x} as x`)).rows).toEqual([{ x }]);
    }
    const fourth = client.query("select 4 as x");
    await expect(fourth).rejects.toMatchObject({
      code: "53400",
      message: "this query is sent too often",
    });
    expect((await client.query("select $1::int as y", [4])).rows).toEqual([{ y: 4 }]);
    // Nobody has such a table; the rule is only tried out.
    await expect(client.query("delete from nothing")).rejects.toMatchObject({ code: "42P01" });
    const line = await gatewayd.process.waitForLine("A rule would have ended a request");
    expect(line).toContain("no changes without a condition");
    await client.end();
    await gatewayd.stop();
  });
});

test("a rule about tables sees them wherever a statement names them", async () => {
  const condition = '"pg_authid" in tables || "pg_catalog.pg_authid" in tables';
  const rule = { name: "no secrets", condition, terminate: { message: "not these" } };
  await using gatewayd = await startIn("transaction", JSON.stringify({ rules: [rule] }));
  const { host, port } = gatewayd;
  const { password } = postgres;
  const client = new Client({ host, port, user: "postgres", password, database: "postgres" });
  await client.connect();
  for (const sql of [
    "select * from pg_authid",
    "with a as (select * from pg_catalog.pg_authid) select 1 from a",
  ]) {
    await expect(client.query(sql)).rejects.toMatchObject({ code: "42501", message: "not these" });
  }
  expect((await client.query("select 'pg_authid' as x")).rows).toEqual([{ x: "pg_authid" }]);
  await client.end();
  await gatewayd.stop();
});

test("a policy that is Expr ends the start, and says how CEL writes it", async () => {
  const config = join(directory, "gatewayd.yaml");
  const plugins = join(directory, "gatewayd_plugins.yaml");
  await writeFile(config, oneBlockConfig(postgres.address));
  await writeFile(plugins, "policies:\n  - name: log\n    policy: Signal.log and true\n");
  const run = [GATEWAYD_BINARY, "run", "-c", config, "-p", plugins] as const;
  const { code, stderr } = await runToEnd(run, { cwd: "/", env: {} });
  expect(code).toBe(4);
  expect(stderr).toContain(
    `${plugins}:3:13: policies.0.policy: and is Expr, and policies are CEL: write \`a && b\``,
  );
});
