/** Users that the gateway asks the database about. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { documentedSql } from "../fixtures/documented-sql.ts";
import {
  connectWire,
  expectSameDescriptors,
  type GatewaydProcess,
  oneBlockConfig,
  openDescriptors,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";

const RULES = `
host all postgres,open,plain all trust
host all all           all md5
`;

const QUERY = {
  sql: "SELECT * FROM gatewayd.find_user($1)",
  user: "gatewayd",
  password: "change me",
  database: "postgres",
};

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres({ rules: RULES });
  await postgres.query(await documentedSql());
  await postgres.query("create role shop login password 'secret'");
  await postgres.query("create role late login password 'secret' valid until '2001-01-01'");
  await postgres.query("create role early login password 'secret' valid until '2999-01-01'");
  await postgres.query("create role nologin password 'secret'");
  await postgres.query("create role empty login");
  await postgres.query(
    "set password_encryption = 'md5'; create role hashed login password 'secret'",
  );
  await postgres.query("create role open login");
  directory = await mkdtemp(join(tmpdir(), "gatewayd-auth-query-"));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

function configOf(auth: object = {}, pool: object = {}, address = postgres.address): string {
  return oneBlockConfig(address, {
    pool: { mode: "transaction", ...pool },
    server: { auth: { method: "scram-sha-256", query: QUERY, ...auth } },
    level: "debug",
  });
}

async function start(auth?: object, pool?: object): Promise<GatewaydProcess> {
  return await startGatewayd({ config: configOf(auth, pool) });
}

/** The user that the database sees, or the SQLSTATE and the words of the refusal. */
async function outcomeOf(
  { host, port }: GatewaydProcess,
  user: string,
  password = "secret",
): Promise<string> {
  const client = new Client({ host, port, user, password, database: "postgres" });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ current_user: string }>("select current_user");
    return rows[0]?.current_user ?? "";
  } catch (error) {
    const { code, message } = error as Error & { readonly code?: string };
    return `${code} ${message}`;
  } finally {
    await client.end().catch(() => {});
  }
}

const REFUSED = "28P01 password authentication failed";

async function lookupConnections(): Promise<number> {
  const sql = "select 1 from pg_stat_activity where usename = 'gatewayd'";
  return (await postgres.query(sql)).length;
}

describe("auth.query", () => {
  test("lets users of the database in by their verifiers, and nobody else", async () => {
    await using gatewayd = await start();
    expect(await outcomeOf(gatewayd, "shop")).toBe("shop");
    expect(await outcomeOf(gatewayd, "early")).toBe("early");
    expect(await outcomeOf(gatewayd, "shop", "wrong")).toBe(REFUSED);
    for (const user of ["nobody", "late", "nologin", "empty", "hashed", "postgres", "sh'; --"]) {
      expect([user, await outcomeOf(gatewayd, user)]).toEqual([user, REFUSED]);
    }
    await gatewayd.process.waitForLine('user \\"nobody\\" (scram-sha-256): is unknown');
    await gatewayd.process.waitForLine('user \\"late\\" (scram-sha-256): has a password that has');
    await gatewayd.stop();
  });

  test("tells by nothing that it asks for a password who exists", async () => {
    await using gatewayd = await start();
    expect(await outcomeOf(gatewayd, "shop")).toBe("shop");
    const shapes = new Set<string>();
    const medianOf = async (users: readonly string[]): Promise<number> => {
      const times: number[] = [];
      for (const user of users) {
        await using client = await connectWire(gatewayd);
        client.startup({ user, database: "postgres" });
        const beganMs = performance.now();
        const { body } = await client.message();
        times.push(performance.now() - beganMs);
        shapes.add(body.toString("latin1"));
      }
      return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
    };
    const rounds = Array.from({ length: 15 }, (_, index) => index);
    const known = await medianOf(rounds.map(() => "shop"));
    const unknown = await medianOf(rounds.map((round) => `nobody-${round}`));
    const knownAgain = await medianOf(rounds.map(() => "shop"));
    expect(shapes.size).toBe(1);
    expect(Math.min(known, unknown, knownAgain)).toBeGreaterThan(1.5);
    expect(Math.abs(unknown - knownAgain)).toBeLessThan(30);
    await gatewayd.stop();
  });

  test("serves the other methods as well", async () => {
    await using byMd5 = await start({ method: "md5" });
    expect(await outcomeOf(byMd5, "hashed")).toBe("hashed");
    expect(await outcomeOf(byMd5, "hashed", "wrong")).toBe(REFUSED);
    expect(await outcomeOf(byMd5, "shop")).toBe("shop");
    await byMd5.stop();
    await using cleartext = await start({ method: "cleartext", allowUnencryptedCleartext: true });
    expect(await outcomeOf(cleartext, "shop")).toBe("shop");
    expect(await outcomeOf(cleartext, "hashed")).toBe("hashed");
    expect(await outcomeOf(cleartext, "shop", "wrong")).toBe(REFUSED);
    expect(await outcomeOf(cleartext, "nobody")).toBe(REFUSED);
    await cleartext.stop();
  });

  test("comes behind the users file", async () => {
    const usersFile = join(directory, "users.yaml");
    const users = [{ name: "open", password: "of the file" }];
    await writeFile(usersFile, JSON.stringify({ users }));
    await using gatewayd = await start({ usersFile });
    expect(await outcomeOf(gatewayd, "open", "of the file")).toBe("open");
    expect(await outcomeOf(gatewayd, "shop")).toBe("shop");
    await gatewayd.stop();
  });

  test("notices a changed password at the login after the one that failed", async () => {
    await postgres.query("create role changing login password 'secret'");
    await using gatewayd = await start();
    expect(await outcomeOf(gatewayd, "changing")).toBe("changing");
    await postgres.query("alter role changing password 'renewed'");
    const isIn = async () => (await outcomeOf(gatewayd, "changing", "renewed")) === "changing";
    await waitFor("the new password", isIn, { intervalMs: 300 });
    await gatewayd.stop();
  });

  test("asks again when the database does not take what it has told", async () => {
    await postgres.query("create role rotating login password 'secret'");
    await using gatewayd = await start();
    expect(await outcomeOf(gatewayd, "rotating")).toBe("rotating");
    await postgres.query("alter role rotating password 'renewed'");
    await postgres.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'rotating'",
    );
    const outcomes = new Set<string>();
    // Let in by what is known, until the database has said no; then it is the password that is wrong.
    await waitFor("the refusal", async () => {
      const outcome = await outcomeOf(gatewayd, "rotating");
      outcomes.add(outcome);
      return outcome === REFUSED;
    });
    expect(outcomes).not.toContain("rotating");
    expect(await outcomeOf(gatewayd, "rotating", "renewed")).toBe("rotating");
    await gatewayd.stop();
  });

  test("runs with a fixed search_path, in the database and as the user that it names", async () => {
    await postgres.query("alter role gatewayd set search_path = public");
    const sql =
      "select $1::text, current_setting('search_path') || current_user || current_database()";
    await using gatewayd = await start({ query: { ...QUERY, sql } });
    await postgres.query("create role plain login");
    expect(await outcomeOf(gatewayd, "plain", "pg_cataloggatewaydpostgres")).toBe("plain");
    await gatewayd.stop();
  });

  test("needs one connection beside the pool, however many come, and leaves none", async () => {
    await using gatewayd = await start({}, { mode: "session", size: 1 });
    const { host, port } = gatewayd;
    const holder = new Client({
      host,
      port,
      user: "shop",
      password: "secret",
      database: "postgres",
    });
    await holder.connect();
    await holder.query("begin");
    const before = openDescriptors(gatewayd.process.pid);
    const attempts = Array.from({ length: 40 }, (_, index) => `unknown-${index % 20}`);
    const outcomes = await Promise.all(attempts.map((user) => outcomeOf(gatewayd, user)));
    expect(new Set(outcomes)).toEqual(new Set([REFUSED]));
    expect(await lookupConnections()).toBe(1);
    await expectSameDescriptors(gatewayd.process.pid, before);
    await holder.end();
    await gatewayd.stop();
    await waitFor("the lookups' connection to go", async () => (await lookupConnections()) === 0);
  });
});

describe("what keeps auth.query from answering", () => {
  test("is a database that is down: the client is told, and let in when it is back", async () => {
    await using own = await startPostgres({ rules: RULES });
    await own.query(await documentedSql());
    await own.query("create role shop login password 'secret'");
    await using gatewayd = await startGatewayd({ config: configOf({}, {}, own.address) });
    expect(await outcomeOf(gatewayd, "shop")).toBe("shop");
    await own.stop();
    expect(await outcomeOf(gatewayd, "other")).toBe("08001 the database server cannot be reached");
    await gatewayd.process.waitForLine("Failed to look up a user");
    await own.start();
    expect(await outcomeOf(gatewayd, "other")).toBe(REFUSED);
    await gatewayd.process.waitForLine("Users can be looked up again");
    await waitFor("the pool to heal", async () => (await outcomeOf(gatewayd, "shop")) === "shop");
    await gatewayd.stop();
  });

  test("is a connection that was terminated: another one is opened, and nobody notices", async () => {
    await using gatewayd = await start();
    expect(await outcomeOf(gatewayd, "nobody-1")).toBe(REFUSED);
    await postgres.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'gatewayd'",
    );
    expect(await outcomeOf(gatewayd, "shop")).toBe("shop");
    expect(gatewayd.process.output()).not.toContain("Failed to look up");
    await gatewayd.stop();
  });

  test.each([
    ["a statement that fails", { sql: "select * from nowhere where name = $1" }, "42P01"],
    ["several rows", { sql: "select $1::text, 'x' from generate_series(1, 2)" }, "has 2 rows"],
    ["another user", { sql: "select 'postgres', $1::text" }, "is about another user"],
    ["one column", { sql: "select $1::text" }, "has 1 columns"],
    ["no time", { sql: "select $1::text, 'x', 'soon'" }, "a third column that is no time"],
    [
      "a broken verifier",
      { sql: "select $1::text, 'SCRAM-SHA-256$1:x'" },
      "malformed SCRAM verifier",
    ],
    ["a statement that copies", { sql: "copy (select 1 /* $1 */) to stdout" }, "auth.query"],
    ["a statement that takes too long", { sql: "select $1::text, pg_sleep(60)::text" }, "57014"],
    ["a wrong password of its own", { password: "wr0ng" }, "28P01"],
    ["a database that is not there", { database: "gone" }, "3D000"],
  ])("is %s", async (_, wrong, reason) => {
    await using gatewayd = await start({ query: { ...QUERY, ...wrong } });
    const outcome = await outcomeOf(gatewayd, "shop");
    expect(outcome).toStartWith("08004 the ");
    const line = await gatewayd.process.waitForLine("Failed to look up a user");
    expect(line).toContain(reason);
    expect(gatewayd.process.output()).not.toContain("wr0ng");
    await gatewayd.stop();
  });
});

test("a client that leaves while its user is looked up is in nobody's way", async () => {
  const sql = "select $1::text, case when $1 = 'slow' then pg_sleep(1)::text else 'x' end";
  await using gatewayd = await start({ query: { ...QUERY, sql } });
  await using leaving = await connectWire(gatewayd);
  leaving.startup({ user: "slow", database: "postgres" });
  await waitFor("the question", async () => {
    const running =
      "select 1 from pg_stat_activity where usename = 'gatewayd' and state = 'active'";
    return (await postgres.query(running)).length === 1;
  });
  leaving.reset();
  expect(await outcomeOf(gatewayd, "plain", "x")).toBe("plain");
  await gatewayd.stop();
});
