/** No password, hash or key of anybody is in what the gateway writes. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import {
  GATEWAYD_BINARY,
  oneBlockConfig,
  type PostgresServer,
  runToEnd,
  startGatewayd,
  startPostgres,
} from "../kit/index.ts";

/** What is given somewhere, and must be nowhere. */
const OF_THE_FILE = "hunter2-of-the-file";
const OF_A_FAULTY_FILE = "hunter2-of-a-faulty-file";
const OF_THE_LOOKUP = "hunter2-of-the-lookup";
const OF_THE_SERVER = "hunter2-of-the-server";
const OF_THE_ENVIRONMENT = "hunter2-of-the-environment";
const WRONG = "hunter2-of-a-guesser";
const QUOTED = /hunter2|SCRAM-SHA-256\$|\bmd5[0-9a-f]{32}\b/;

const RULES = `
host all postgres all trust
host all all      all md5
`;

let postgres: PostgresServer;
let directory: string;
/** Of roles at the server: hashes, and the parts of verifiers. */
let stored: readonly string[];

beforeAll(async () => {
  postgres = await startPostgres({ rules: RULES });
  for (const name of ["filed", "queried", "shared"]) {
    const password = name === "filed" ? OF_THE_FILE : OF_THE_SERVER;
    await postgres.query(`create role ${name} login password '${password}'`);
  }
  await postgres.query(
    `set password_encryption = 'md5'; create role hashed login password '${OF_THE_SERVER}'`,
  );
  await postgres.query(`create role lookup superuser login password '${OF_THE_LOOKUP}'`);
  const rows = await postgres.query("select rolpassword from pg_authid where rolpassword <> ''");
  stored = rows.flatMap(({ rolpassword }) => String(rolpassword).split(/[$:]/).slice(-2));
  directory = await mkdtemp(join(tmpdir(), "gatewayd-secrets-"));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function expectSilence(what: string, text: string): void {
  expect([what, QUOTED.exec(text)?.[0]]).toEqual([what, undefined]);
  for (const secret of stored) expect([what, text.includes(secret)]).toEqual([what, false]);
}

async function usersFileOf(text: string): Promise<string> {
  const path = join(directory, `${Bun.hash(text).toString(36)}.yaml`);
  await writeFile(path, text);
  return path;
}

function optionsOfShared(method: string) {
  return {
    pool: { mode: "transaction" },
    client: { startupParams: { user: "shared", password: OF_THE_SERVER, database: "postgres" } },
    server: { auth: { method, allowUnencryptedCleartext: method === "cleartext" } },
  };
}

const QUERY = {
  sql: "select rolname::text, rolpassword from pg_authid where rolname = $1",
  user: "lookup",
  password: OF_THE_LOOKUP,
  database: "postgres",
};

test.each(["scram-sha-256", "md5", "cleartext"])("a run by %s at level trace", async (method) => {
  const users = [{ name: "filed", password: OF_THE_FILE }];
  const usersFile = await usersFileOf(JSON.stringify({ users }));
  const auth = { method, usersFile, query: QUERY };
  const isCleartext = method === "cleartext";
  const config = oneBlockConfig(postgres.address, {
    pool: { mode: "transaction" },
    server: { auth: { ...auth, ...(isCleartext && { allowUnencryptedCleartext: true }) } },
    level: "trace",
  });
  await using gatewayd = await startGatewayd({ config });
  const { host, port } = gatewayd;
  const told: string[] = [];
  for (const [user, password] of [
    ["filed", OF_THE_FILE],
    ["queried", OF_THE_SERVER],
    ["hashed", OF_THE_SERVER],
    ["filed", WRONG],
    ["queried", WRONG],
    ["nobody", WRONG],
  ] as const) {
    const client = new Client({ host, port, user, password, database: "postgres" });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.query("select 1");
      told.push(`${user} is in`);
    } catch (error) {
      told.push(Bun.inspect(error));
    }
    await client.end().catch(() => {});
  }
  expect(told.filter((line) => line.endsWith("is in"))).toHaveLength(
    method === "scram-sha-256" ? 2 : 3,
  );
  await writeFile(usersFile, `users: [{ name: a, password: ${OF_A_FAULTY_FILE}: }, *x]`);
  await gatewayd.process.waitForLine("Failed to reload the users");
  await gatewayd.stop();
  const output = gatewayd.process.output(100_000);
  expect(output).toContain("Logged in to the server");
  expectSilence("the log", output);
  expectSilence("what clients are told", told.join("\n"));
});

test("a login to the server that fails", async () => {
  const { client, ...rest } = optionsOfShared("trust");
  const startupParams = { ...client.startupParams, password: WRONG };
  const config = oneBlockConfig(postgres.address, {
    ...rest,
    client: { startupParams },
    level: "trace",
  });
  await using gatewayd = await startGatewayd({ config });
  const { host, port } = gatewayd;
  const attempt = new Client({ host, port, user: "any", database: "postgres" });
  attempt.on("error", () => {});
  const told = await attempt.connect().then(
    () => "it is in",
    (error: unknown) => Bun.inspect(error),
  );
  expect(told).toContain("08004");
  await gatewayd.process.waitForLine("The server refused a login");
  await gatewayd.stop();
  expectSilence("the log", gatewayd.process.output(100_000));
  expectSilence("what the client is told", told);
});

test("what the commands about the configuration print", async () => {
  const usersFile = await usersFileOf(
    JSON.stringify({ users: [{ name: "filed", password: OF_THE_FILE }] }),
  );
  const lookupFile = await usersFileOf(OF_THE_LOOKUP);
  const config = join(directory, "gatewayd.yaml");
  const shared = optionsOfShared("scram-sha-256");
  const query = { ...QUERY, user: "${WHO}", password: `file:${lookupFile}` };
  const auth = { method: "scram-sha-256", usersFile, query };
  await writeFile(config, oneBlockConfig(postgres.address, { ...shared, server: { auth } }));
  const env = {
    WHO: "lookup",
    GATEWAYD_CLIENTS_DEFAULT_WRITES_STARTUPPARAMS_PASSWORD: OF_THE_ENVIRONMENT,
  };
  for (const command of ["show", "lint"]) {
    const args = ["config", command, "--config", config];
    const { code, stdout, stderr } = await runToEnd([GATEWAYD_BINARY, ...args], { env });
    expect([command, code]).toEqual([command, 0]);
    expectSilence(`config ${command}`, stdout + stderr);
    if (command === "show") expect(stdout.match(/password: "\*\*\*"/g)).toHaveLength(2);
  }
  await writeFile(
    config,
    oneBlockConfig(postgres.address, {
      ...shared,
      server: { auth: { ...auth, query: { ...query, password: [OF_THE_LOOKUP] } } },
    }),
  );
  const args = ["config", "lint", "--config", config];
  const { code, stdout, stderr } = await runToEnd([GATEWAYD_BINARY, ...args], { env });
  expect(code).toBe(1);
  expectSilence("a faulty configuration", stdout + stderr);
});
