/** What a users file says of users holds, without a restart when it changes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import {
  connectWire,
  frontendMessage,
  type GatewaydProcess,
  oneBlockConfig,
  type PostgresServer,
  scramLogin,
  type ServerMessage,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../kit/index.ts";

let postgres: PostgresServer;
let directory: string;

beforeAll(async () => {
  postgres = await startPostgres();
  await postgres.query("create database shop");
  for (const role of ["anna", "bert", "late"]) await postgres.query(`create role ${role} login`);
  directory = await mkdtemp(join(tmpdir(), "gatewayd-users-"));
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

let files = 0;

/** A gateway whose users file is written anew by `rewrite`. */
async function startWith(text: string, auth: object = {}, server: object = {}) {
  const usersFile = join(directory, `users-${++files}`);
  await writeFile(usersFile, text);
  const gatewayd = await startGatewayd({
    config: oneBlockConfig(postgres.address, {
      pool: { mode: "transaction" },
      server: { auth: { method: "scram-sha-256", usersFile, ...auth }, ...server },
    }),
  });
  const rewrite = async (changed: string, line: string): Promise<string> => {
    const since = gatewayd.process.lineCount;
    await writeFile(usersFile, changed);
    return await gatewayd.process.waitForLine(line, { since });
  };
  return { gatewayd, rewrite, [Symbol.asyncDispose]: () => gatewayd[Symbol.asyncDispose]() };
}

function yaml(...users: readonly object[]): string {
  return JSON.stringify({ users });
}

/** The user that the database sees, or the SQLSTATE and the words of the refusal. */
async function outcomeOf(
  { host, port }: GatewaydProcess,
  user: string,
  password: string,
  database = "postgres",
): Promise<string> {
  const client = new Client({ host, port, user, password, database });
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

describe("a users file", () => {
  test("says until when a password is good, and for which databases", async () => {
    const soon = new Date(Date.now() + 3_000).toISOString();
    await using started = await startWith(
      yaml(
        { name: "anna", password: "secret", databases: ["shop"], validUntil: "2999-01-01" },
        { name: "late", password: "secret", validUntil: "2001-01-01" },
        { name: "bert", password: "secret", validUntil: soon },
      ),
    );
    const { gatewayd } = started;
    expect(await outcomeOf(gatewayd, "bert", "secret")).toBe("bert");
    expect(await outcomeOf(gatewayd, "anna", "secret", "shop")).toBe("anna");
    expect(await outcomeOf(gatewayd, "anna", "secret")).toBe(
      "42501 permission denied for database",
    );
    expect(await outcomeOf(gatewayd, "anna", "wrong")).toBe(REFUSED);
    expect(await outcomeOf(gatewayd, "late", "secret")).toBe(REFUSED);
    expect(await outcomeOf(gatewayd, "late", "wrong")).toBe(REFUSED);
    await gatewayd.process.waitForLine("has a password that has expired");
    const isOver = async () => (await outcomeOf(gatewayd, "bert", "secret")) === REFUSED;
    await waitFor("the password to expire", isOver);
    await gatewayd.stop();
  });

  test("counts as it is now: users come, change and go, and who is in stays in", async () => {
    const before = yaml({ name: "anna", password: "old" }, { name: "bert", password: "secret" });
    await using started = await startWith(before);
    const { gatewayd, rewrite } = started;
    const { host, port } = gatewayd;
    const user = { user: "bert", password: "secret", database: "postgres" };
    const inside = new Client({ host, port, ...user });
    await inside.connect();
    expect(await outcomeOf(gatewayd, "anna", "old")).toBe("anna");
    expect(await outcomeOf(gatewayd, "late", "secret")).toBe(REFUSED);

    await rewrite(
      yaml({ name: "anna", password: "new" }, { name: "late", password: "secret" }),
      "Reloaded the users",
    );
    expect(await outcomeOf(gatewayd, "anna", "old")).toBe(REFUSED);
    expect(await outcomeOf(gatewayd, "anna", "new")).toBe("anna");
    expect(await outcomeOf(gatewayd, "late", "secret")).toBe("late");
    expect(await outcomeOf(gatewayd, "bert", "secret")).toBe(REFUSED);
    const { rows } = await inside.query("select current_user");
    expect(rows).toEqual([{ current_user: "bert" }]);
    await inside.end();

    const line = await rewrite("users:\n  - name: 7\n    pasword: hunter2\n", "Failed to reload");
    expect(line).toContain(':3:5: unknown key \\"pasword\\"');
    expect(await outcomeOf(gatewayd, "anna", "new")).toBe("anna");

    await rewrite('; PgBouncer\'s\n"anna" "newest" ""\n', "Reloaded the users");
    expect(await outcomeOf(gatewayd, "anna", "newest")).toBe("anna");
    expect(gatewayd.process.output()).not.toContain("hunter2");
    await gatewayd.stop();
  }, 30_000);
});

/** Connects from an address as the PROXY protocol tells it, and logs in. */
async function attempt(
  gatewayd: GatewaydProcess,
  method: string,
  user: string,
  password: string,
  host: string,
): Promise<{ readonly messages: readonly ServerMessage[]; readonly tookMs: number }> {
  await using client = await connectWire(gatewayd);
  client.send(`PROXY TCP4 ${host} ${host} 40000 5432\r\n`);
  client.startup({ user, database: "postgres" });
  const beganMs = performance.now();
  if (method === "scram-sha-256") {
    const messages = await scramLogin(client, password);
    return { messages, tookMs: performance.now() - beganMs };
  }
  const request = await client.message();
  client.send(frontendMessage("p", `${password}\0`));
  const rest = [await client.message()];
  while (rest.at(-1)?.type !== "E" && rest.at(-1)?.type !== "Z") rest.push(await client.message());
  return { messages: [request, ...rest], tookMs: performance.now() - beganMs };
}

const HASH = "md5d2c3a0d4b1f86e4b5ac5c5a3d93ad0f4";

/** Those that cannot get in, for a reason each of their own. */
const REFUSABLE = yaml(
  { name: "anna", password: "secret" },
  { name: "late", password: "secret", validUntil: "2001-01-01" },
  { name: "bert" },
  { name: "carl", md5: HASH },
);

describe.each(["scram-sha-256", "md5", "cleartext"])("by %s", (method) => {
  test("every refusal looks the same, and takes as long", async () => {
    await using started = await startWith(
      REFUSABLE,
      { method, allowUnencryptedCleartext: method === "cleartext" },
      { proxyProtocol: "required" },
    );
    const { gatewayd } = started;
    const medians: number[] = [];
    const shapes = new Set<string>();
    for (const user of ["anna", "late", "bert", "nobody"]) {
      const times: number[] = [];
      for (let round = 0; round < 9; round++) {
        // From places of their own, so that nobody has to wait for those before.
        const from = `10.0.${medians.length}.${round}`;
        const { messages, tookMs } = await attempt(gatewayd, method, user, "wrong", from);
        shapes.add(messages.map(shapeOf).join("|"));
        times.push(tookMs);
      }
      medians.push(times.toSorted((a, b) => a - b)[4] ?? 0);
    }
    expect([...shapes]).toHaveLength(1);
    expect([...shapes][0]).toEndWith("28P01\0Mpassword authentication failed\0\0");
    expect(Math.min(...medians)).toBeGreaterThanOrEqual(19);
    expect(Math.max(...medians) - Math.min(...medians)).toBeLessThan(15);
    await gatewayd.stop();
  });
});

/** A message without the bytes that differ each time, whoever it is for. */
function shapeOf({ type, body }: ServerMessage): string {
  const text = body.toString("latin1");
  if (type !== "R") return `${type}${text}`;
  const isMd5 = body.readInt32BE(0) === 5;
  return `R${isMd5 ? "md5" : text.replace(/r=[^,]+,s=[^,]{24},/, "r=,s=,")}`;
}

test("who guesses passwords waits longer and longer, and nobody else does", async () => {
  await using started = await startWith(
    yaml({ name: "anna", password: "secret" }, { name: "bert", password: "secret" }),
    {},
    { proxyProtocol: "required" },
  );
  const { gatewayd } = started;
  const timeOf = async (user: string, password: string, from: string): Promise<number> => {
    const { messages, tookMs } = await attempt(gatewayd, "scram-sha-256", user, password, from);
    expect(messages.at(-1)?.type).toBe(password === "secret" ? "Z" : "E");
    return tookMs;
  };
  for (let round = 0; round < 5; round++) {
    expect(await timeOf("anna", "wrong", "10.0.0.1")).toBeLessThan(240);
  }
  expect(await timeOf("anna", "wrong", "10.0.0.1")).toBeGreaterThanOrEqual(249);
  expect(await timeOf("anna", "secret", "10.0.0.2")).toBeLessThan(240);
  expect(await timeOf("bert", "secret", "10.0.0.1")).toBeLessThan(240);
  // The right password is told as late: else a guesser would only wait for the quick answers.
  expect(await timeOf("anna", "secret", "10.0.0.1")).toBeGreaterThanOrEqual(499);
  expect(await timeOf("anna", "secret", "10.0.0.1")).toBeLessThan(240);
  await gatewayd.stop();
});
