import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { HOOK_NUMBERS } from "../../src/hooks/index.ts";
import type { HookName, SessionView } from "../../src/hooks/index.ts";
import { type PostgresServer, startPostgres, waitFor } from "../kit/index.ts";
import { HOOK_MODES, type HookMode, startInMode, writeUsersFile } from "./hook-modes.ts";
import type { GatewayInProcess } from "./start-gateway.ts";

let postgres: PostgresServer;
let directory: string;
let usersFile: string;

beforeAll(async () => {
  postgres = await startPostgres({ auth: "scram-sha-256" });
  directory = await mkdtemp(join(tmpdir(), "gatewayd-hooks-session-"));
  usersFile = await writeUsersFile(directory, postgres);
}, 60_000);

afterAll(async () => {
  await postgres[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

async function started(mode: HookMode): Promise<GatewayInProcess> {
  return await startInMode(mode, postgres.address, { method: "scram-sha-256", usersFile });
}

async function connected(inside: GatewayInProcess, name: string): Promise<Client> {
  const { user, password, database } = postgres;
  const target = { ...inside.target, user, password, database, application_name: name };
  const client = new Client(target);
  await client.connect();
  return client;
}

/** What a session was at an event. */
interface Seen {
  readonly hook: HookName;
  readonly session: SessionView;
  readonly text: string;
  readonly facts: readonly (string | undefined)[];
}

/** Keeps what the events of sessions tell from now on; `text` has the bytes of traffic. */
function watch(inside: GatewayInProcess): Seen[] {
  const seen: Seen[] = [];
  for (const hook of Object.keys(HOOK_NUMBERS) as HookName[]) {
    inside.gateway.hooks.register(hook, {
      name: "watch",
      priority: 1_000,
      onError: "continue",
      handler: ({ request, response }, session) => {
        if (session === undefined) return;
        const bytes = hook.includes("Server") && response ? response : request;
        const text = bytes instanceof Uint8Array ? Buffer.from(bytes).toString("latin1") : "";
        const { user, database, applicationName, transactionStatus } = session;
        seen.push({
          hook,
          session,
          text,
          facts: [user, database, applicationName, transactionStatus],
        });
      },
    });
  }
  return seen;
}

/** What a session was when its client sent a query. */
function atQuery(seen: readonly Seen[], sql: string): Seen {
  const found = seen.find(({ hook, text }) => hook === "OnTrafficFromClient" && text.includes(sql));
  if (found === undefined) throw new Error(`no handler has seen ${sql}`);
  return found;
}

describe.each(HOOK_MODES)("in mode %s handlers know of a session", (mode) => {
  test("who it is, from its StartupMessage to its end, by one object", async () => {
    await using inside = await started(mode);
    const seen = watch(inside);
    const { user, database } = postgres;
    const [one, other] = [await connected(inside, "one"), await connected(inside, "other")];
    await one.query("select 'of one'");
    await other.query("select 'of other'");
    const first = atQuery(seen, "of one");
    expect(first.facts).toEqual([user, database, "one", "idle"]);
    expect(atQuery(seen, "of other").facts).toEqual([user, database, "other", "idle"]);
    await Promise.all([one.end(), other.end()]);
    const closed = (): Seen[] => seen.filter(({ hook }) => hook === "OnClosed");
    await waitFor("both sessions to be over", () => closed().length === 2);
    const ofFirst = seen.filter(({ session }) => session === first.session);
    expect(new Set(seen.map(({ session }) => session)).size).toBe(2);
    expect(new Set(seen.map(({ session }) => session.id)).size).toBe(2);
    const opening = ofFirst.find(({ hook }) => hook === "OnOpening");
    expect(opening?.facts).toEqual([undefined, undefined, undefined, undefined]);
    const startup = ofFirst.find(({ hook }) => hook === "OnTrafficFromClient");
    expect(startup?.facts).toEqual([user, database, "one", undefined]);
    expect(ofFirst.at(-1)?.hook).toBe("OnClosed");
    expect(ofFirst.at(-1)?.facts).toEqual([user, database, "one", "idle"]);
  });

  test("the name of its application, as the server reports it", async () => {
    await using inside = await started(mode);
    const unseen = await connected(inside, "before");
    await unseen.query("set application_name to 'while nobody listened'");
    const seen = watch(inside);
    const client = await connected(
      inside,
      "a name of more than sixty-three bytes, which PostgreSQL cuts off",
    );
    await client.query("select 'at first'");
    await client.query("set application_name to 'renamed'");
    await client.query("select 'afterwards'");
    await unseen.query("select 'by the other'");
    const [, , cut] = atQuery(seen, "at first").facts;
    expect(cut).toHaveLength(63);
    expect(atQuery(seen, "afterwards").facts[2]).toBe("renamed");
    expect(atQuery(seen, "by the other").facts[2]).toBe("while nobody listened");
    await Promise.all([client.end(), unseen.end()]);
  });
});

test("a client that shares a connection hears nothing of another one's application_name", async () => {
  const auth = { method: "scram-sha-256", usersFile };
  const options = { pool: { size: 1 } };
  await using inside = await startInMode("multiplexing", postgres.address, auth, options);
  const seen = watch(inside);
  const [one, other] = [await connected(inside, "one"), await connected(inside, "other")];
  const nameAtServer = `select application_name from pg_stat_activity
    where pid <> pg_backend_pid() and query like '%''shared''%'`;
  await waitFor("a unit to be sent without its session's name", async () => {
    await one.query("select random()");
    seen.length = 0;
    await other.query("select 'shared'");
    return (await postgres.query(nameAtServer))[0]?.["application_name"] === "one";
  });
  expect(atQuery(seen, "'shared'").facts[2]).toBe("other");
  const { rows } = await other.query("select current_setting('application_name') as x, random()");
  expect(rows[0]?.x).toBe("other");
  await other.query("select 'shared'");
  expect(atQuery(seen, "current_setting").facts[2]).toBe("other");
  const answers = seen.filter(({ hook }) => hook === "OnTrafficToClient");
  expect(answers).toHaveLength(3);
  expect(seen.filter(({ text }) => text.includes("application_name\0"))).toEqual([]);
  await other.query("set application_name to 'renamed'");
  expect(atQuery(seen, "renamed").facts[2]).toBe("other");
  await other.query("select 'shared'");
  expect(seen.filter(({ text }) => text.includes("application_name\0renamed\0")).length).toBe(1);
  expect(seen.at(-1)?.facts[2]).toBe("renamed");
  await Promise.all([one.end(), other.end()]);
});

describe.each(["passthrough", "session", "transaction"] as const)(
  "in mode %s handlers know",
  (mode) => {
    test("whether the client is in a transaction, as it has been told", async () => {
      await using inside = await started(mode);
      const early = await connected(inside, "early");
      await early.query("begin");
      const seen = watch(inside);
      inside.gateway.hooks.register("OnTrafficFromServer", {
        name: "slow",
        priority: 2_000,
        onError: "continue",
        handler: async () => {
          await new Promise((resolve) => setImmediate(resolve));
        },
      });
      const client = await connected(inside, "late");
      await client.query("begin");
      await client.query("select 'within'");
      await client.query("select 1/0 as failing").catch(() => {});
      await client.query("rollback");
      await client.query("select 'behind'");
      const status = (sql: string): string | undefined => atQuery(seen, sql).facts[3];
      expect(["begin", "within", "failing", "rollback", "behind"].map(status)).toEqual([
        "idle",
        "inTransaction",
        "inTransaction",
        "failed",
        "idle",
      ]);
      // The answer is shown before the client has it.
      const beginning = seen.find(({ hook, text }) => {
        return hook === "OnTrafficFromServer" && text.startsWith("C\0\0\0\nBEGIN");
      });
      expect(beginning?.facts[3]).toBe("idle");
      await early.query("select 'by the early one'");
      await early.query("commit");
      await early.query("select 'by the early one again'");
      expect(status("by the early one")).toBe("inTransaction");
      expect(status("by the early one again")).toBe("idle");
      await Promise.all([client.end(), early.end()]);
    });
  },
);
