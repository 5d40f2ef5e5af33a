/** How many connections the pooled modes keep, for how long, and what clients are told that wait for one. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { waitFor } from "../kit/index.ts";
import { type GroupKeys, type RuleStage, startRuleStage } from "./rules/rule-stage.ts";
import { query, type RuleSession } from "./rules/rule-session.ts";

const LOGIN = { user: "postgres", database: "postgres" };

/** A group in transaction mode whose server connections bear its name. */
function named(name: string, { pool, proxy }: Pick<GroupKeys, "pool" | "proxy">): GroupKeys {
  const startupParams = { ...LOGIN, application_name: name };
  return {
    client: { startupParams },
    pool: { mode: "transaction", ...pool },
    proxy: { healthCheckPeriod: "0s", ...proxy },
    server: { auth: { method: "trust" } },
  };
}

type Group = "warm" | "idle" | "aging" | "pinged" | "full" | "hasty" | "patient";

let stage: RuleStage<Group>;

beforeAll(async () => {
  stage = await startRuleStage({
    warm: named("warm", { pool: { size: 5, minSize: 2, idleTimeout: "200ms" } }),
    idle: named("idle", { pool: { size: 5, idleTimeout: "200ms" } }),
    aging: named("aging", { pool: { size: 2, maxLifetime: "500ms" } }),
    pinged: named("pinged", { pool: { size: 2 }, proxy: { healthCheckPeriod: "100ms" } }),
    full: named("full", { pool: { maxWaiting: 1 } }),
    hasty: named("hasty", { pool: { queueTimeout: "300ms" } }),
    patient: named("patient", {}),
  });
}, 60_000);

afterAll(async () => {
  await stage[Symbol.asyncDispose]();
});

/** What the server has of a group. Clients ask for no name of their own, and so keep that of the group. */
const of = (group: Group): string => `application_name = '${group}'`;

/** So many clients that are in a transaction at the same time, and then have gone. */
async function crowd(group: Group, count: number): Promise<void> {
  const sessions: RuleSession[] = [];
  for (let index = 0; index < count; index++) {
    const session = await stage.session(group);
    sessions.push(session);
    await session.ask("begin");
  }
  for (const session of sessions) {
    await session.ask("commit");
    await session.leave();
  }
}

describe("server connections", () => {
  test("are opened ahead up to minSize, and so many stay though nobody needs them", async () => {
    await stage.untilServer(of("warm"), 2);
    await crowd("warm", 5);
    await stage.untilServer(of("warm"), 2);
    const sql = `select pid from pg_stat_activity where ${of("warm")} order by pid`;
    const before = await stage.rows(sql);
    // Much longer than idleTimeout.
    const sinceMs = performance.now();
    await waitFor("a second", () => performance.now() - sinceMs > 1_000);
    expect(await stage.rows(sql)).toEqual(before);
  });

  test("are closed by idleTimeout when they are not used, all of them without minSize", async () => {
    await using session = await stage.session("idle");
    await crowd("idle", 4);
    await stage.untilServer(of("idle"), 0);
    expect(await session.value("select 'again'")).toBe("again");
    await session.leave();
  });

  test("are replaced at maxLifetime, between two transactions", async () => {
    await using session = await stage.session("aging");
    await session.ask("begin");
    const old = await session.backend();
    // Ten per cent more or less is by chance.
    await stage.untilServer(`pid = ${old} and now() - backend_start > interval '1 second'`);
    expect(await session.backend()).toBe(old);
    await session.ask("commit");
    await stage.untilServer(`pid = ${old}`, 0);
    expect(await session.backend()).not.toBe(old);
    await session.leave();
  });

  test("are asked for a sign of life when they are idle, which clients do not notice", async () => {
    await using session = await stage.session("pinged");
    const pid = await session.backend();
    const state = `select state_change::text as at, query from pg_stat_activity where pid = ${pid}`;
    const [first] = await stage.rows(state);
    await waitFor("a ping", async () => (await stage.rows(state))[0]?.["at"], {
      until: (at) => String(at) > `${first?.["at"]}`,
    });
    expect(await stage.rows(state)).toMatchObject([{ query: "" }]);
    expect(session.wire.received.length).toBe(0);
    expect(await session.backend()).toBe(pid);
    await session.leave();
  });

  test("that give no sign of life are given up, and nobody gets them", async () => {
    await using session = await stage.session("pinged");
    const pid = await session.backend();
    const stopped = Number(pid);
    process.kill(stopped, "SIGSTOP");
    try {
      await stage.gatewayd.process.waitForLine("An idle connection did not answer");
      expect(await session.backend()).not.toBe(pid);
    } finally {
      process.kill(stopped, "SIGCONT");
    }
    await stage.untilServer(`pid = ${pid}`, 0);
    await session.leave();
  });
});

describe("a client that waits for a server connection", () => {
  test("beyond maxWaiting is refused at once with 53300", async () => {
    await using holder = await stage.session("full");
    await using waiting = await stage.session("full");
    await using beyond = await stage.session("full");
    await holder.ask("begin");
    waiting.send(query("select 'waited'"));
    // The order in which two clients are heard is anybody's guess; who waits has not been answered.
    beyond.send(query("select 'waited'"));
    const isRefused = (client: RuleSession): boolean => client.wire.hasEnded;
    await waitFor("one of them to be refused", () => isRefused(waiting) || isRefused(beyond));
    const [refused, other] = isRefused(waiting) ? [waiting, beyond] : [beyond, waiting];
    expect(await refused.fatal()).toBe("53300");
    await holder.ask("commit");
    expect(await other.answer()).toMatchObject({ rows: [["waited"]] });
    await holder.leave();
    await other.leave();
  });

  test("for queueTimeout is told 53300", async () => {
    await using holder = await stage.session("hasty");
    await using client = await stage.session("hasty");
    await holder.ask("begin");
    const sinceMs = performance.now();
    client.send(query("select 1"));
    expect(await client.fatal()).toBe("53300");
    expect(performance.now() - sinceMs).toBeGreaterThanOrEqual(295);
    await holder.ask("commit");
    await holder.leave();
  });

  test("for long is told so by a NOTICE, once, and then served", async () => {
    await using holder = await stage.session("patient");
    await using client = await stage.session("patient");
    await holder.ask("begin");
    client.send(query("select 'served'"));
    const notice = await client.wire.message();
    expect(notice.type).toBe("N");
    expect(notice.body.toString()).toContain("waiting for a server connection for 5 s");
    await holder.ask("commit");
    expect(await client.answer()).toMatchObject({ tags: "TDCZ", rows: [["served"]] });
    await holder.leave();
    await client.leave();
  });

  test("waits out a restart of the database, up to queueTimeout: then it is told 08001", async () => {
    await using away = await startRuleStage({
      hasty: named("hasty", { pool: { queueTimeout: "300ms" } }),
      patient: named("patient", {}),
    });
    await using hasty = await away.session("hasty");
    await using patient = await away.session("patient");
    await away.stopServer();
    patient.send(query("select 'waited out'"));
    hasty.send(query("select 1"));
    expect(await hasty.fatal()).toBe("08001");
    expect(patient.wire.received.length).toBe(0);
    await away.startServer();
    expect(await patient.answer()).toMatchObject({ rows: [["waited out"]] });
    await patient.leave();
  });
});
