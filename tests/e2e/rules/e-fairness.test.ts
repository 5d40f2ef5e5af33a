import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Client } from "pg";
import { serialize } from "pg-protocol";
import {
  type GatewaydProcess,
  type PostgresServer,
  startGatewayd,
  startPostgres,
  waitFor,
} from "../../kit/index.ts";
import { openSession, query, type RuleSession } from "./rule-session.ts";
import { type RuleStage, startRuleStage } from "./rule-stage.ts";

const POOLED = ["session", "transaction", "statement"] as const;
type Pooled = (typeof POOLED)[number];

describe("18: pairs of user and database", () => {
  /** A pair is below its share of a pool of one as soon as it waits; the other one is patient so long. */
  const PATIENCE_MS = 100;
  /** What a pair got for the sake of fairness it keeps for so long. */
  const TENURE_MS = 250;
  const SHARED_SIZE = 4;
  const IS_AT_GATE = "wait_event_type = 'Lock' and query = 'select from gate'";
  const WHO_AND_WHEN = "select pg_backend_pid(), clock_timestamp()";

  let stage: RuleStage<Pooled | "three" | "shared">;

  beforeAll(async () => {
    stage = await startRuleStage({
      session: { pool: { mode: "session" } },
      transaction: { pool: { mode: "transaction" } },
      statement: { pool: { mode: "statement" } },
      three: { pool: { mode: "transaction", size: 3 } },
      shared: { pool: { mode: "transaction", size: SHARED_SIZE } },
    });
    await stage.rows("create role other login");
    await stage.rows("create table gate ()");
    await stage.rows("grant select on gate to other");
  }, 60_000);

  afterAll(async () => {
    await stage[Symbol.asyncDispose]();
  });

  /** Whoever reads the table `gate` has to wait until this is disposed of. */
  async function closedGate(): Promise<AsyncDisposable> {
    const client = new Client(stage.postgres.url);
    await client.connect();
    await client.query("begin; lock table gate in access exclusive mode");
    return { [Symbol.asyncDispose]: async () => await client.end() };
  }

  /** What others have sent by now was taken in: this needs no server connection, and comes behind. */
  async function settle(idle: RuleSession): Promise<void> {
    expect((await idle.ask(serialize.sync())).tags).toBe("Z");
  }

  /** The server process of the next answer, and when it was at work. */
  async function answerOf(client: RuleSession): Promise<{ pid: string; at: string }> {
    const { rows, error } = await client.answer();
    const [pid, at] = rows[0] ?? [];
    if (!pid || !at) throw new Error(`no answer but ${error}`);
    return { pid, at };
  }

  test.each(POOLED)("18: in %s mode waiters are served in the order they came", async (mode) => {
    await using idle = await stage.session(mode);
    await using holder = await stage.session(mode);
    const waiters: RuleSession[] = [];
    for (let place = 0; place < 5; place++) waiters.push(await stage.session(mode));
    {
      await using _gate = await closedGate();
      holder.send(query("select from gate"));
      await stage.untilServer(IS_AT_GATE);
      for (const waiter of waiters) {
        waiter.send(query(WHO_AND_WHEN));
        await settle(idle);
      }
    }
    await holder.answer();
    if (mode === "session") await holder.leave();
    const times: string[] = [];
    for (const waiter of waiters) {
      times.push((await answerOf(waiter)).at);
      await waiter.leave();
    }
    expect(times).toEqual(times.toSorted());
  });

  /** One holds the only connection, one of another pair asks for it, and then one of the same pair. */
  async function threeInLine(heldMs: number) {
    await using idle = await stage.session("transaction");
    await using holder = await stage.session("transaction");
    await using same = await stage.session("transaction");
    await using other = await stage.session("transaction", { user: "other" });
    let askedMs = 0;
    let held: string | null = null;
    {
      await using _gate = await closedGate();
      await holder.ask("begin");
      held = await holder.backend();
      holder.send(query("select from gate"));
      await stage.untilServer(IS_AT_GATE);
      askedMs = performance.now();
      other.send(query(WHO_AND_WHEN));
      await settle(idle);
      same.send(query(WHO_AND_WHEN));
      await settle(idle);
      await waitFor("the time to pass", () => performance.now() - askedMs >= heldMs);
    }
    await holder.answer();
    await holder.ask("commit");
    const seen = await Promise.all([answerOf(same), answerOf(other)]);
    return { held, same: seen[0], other: seen[1], waitedMs: performance.now() - askedMs };
  }

  test("18: a connection goes to its own pair while the other has not waited for long", async () => {
    // On a busy machine it may take longer: then it proves nothing, and is tried again.
    const round = await waitFor("a quick round", () => threeInLine(0), {
      until: ({ waitedMs }) => waitedMs < PATIENCE_MS,
      deadlineMs: 60_000,
    });
    expect(round.same.pid).toBe(round.held ?? "");
    expect(round.same.at < round.other.at).toBe(true);
    expect(round.other.pid).not.toBe(round.held);
  });

  test("18: it is replaced for the other one when that has waited for long", async () => {
    const round = await threeInLine(2 * (PATIENCE_MS + TENURE_MS));
    expect(round.other.at < round.same.at).toBe(true);
    expect(new Set([round.held, round.other.pid, round.same.pid]).size).toBe(3);
  });

  test("18: the connection that was idle for longest is the one that is replaced", async () => {
    const clients: RuleSession[] = [];
    const pids: (string | null)[] = [];
    for (let index = 0; index < 3; index++) {
      const client = await stage.session("three");
      clients.push(client);
      await client.ask("begin");
      pids.push(await client.backend());
    }
    for (const index of [1, 0, 2]) await clients[index]?.ask("commit");
    await using other = await stage.session("three", { user: "other" });
    expect(pids).not.toContain(await other.backend());
    const rows = await stage.rows(
      `select pid::text from pg_stat_activity where pid in (${pids.join()}) order by backend_start`,
    );
    expect(rows.map(({ pid }) => pid)).toEqual([pids[0], pids[2]]);
    for (const client of clients) await client.leave();
  });

  test("18: two that could use all of it share it alike, with few replacements", async () => {
    const forMs = 4_000;
    // Enough of them to wait for more than the patience of a pair.
    const clientsOfEach = 60;
    const results = { postgres: 0, other: 0 };
    const pids = new Set<string | null>();
    const sessions: RuleSession[] = [];
    const users = ["postgres", "other"] as const;
    for (const user of users) {
      for (let index = 0; index < clientsOfEach; index++) {
        sessions.push(await stage.session("shared", { user }));
      }
    }
    const beganMs = performance.now();
    const isOver = (): boolean => performance.now() - beganMs > forMs;
    await Promise.all(
      sessions.map(async (session, index) => {
        const user = users[index < clientsOfEach ? 0 : 1] ?? "other";
        while (!isOver()) {
          pids.add(await session.value("select pg_backend_pid() from pg_sleep(0.01)"));
          if (!isOver()) results[user]++;
        }
      }),
    );
    await Promise.all(sessions.map((session) => session.leave()));
    const counts = Object.values(results);
    expect(Math.min(...counts) / Math.max(...counts)).toBeGreaterThan(0.8);
    expect(((pids.size - SHARED_SIZE) * 1_000) / forMs).toBeLessThan(5);
  });
});

describe("19: the block of a session", () => {
  const SERVER = "select inet_server_port()";
  let servers: readonly [PostgresServer, PostgresServer];
  let gatewayd: GatewaydProcess;

  beforeAll(async () => {
    servers = [await startPostgres(), await startPostgres()];
    const blocks = <T>(of: (index: 0 | 1) => T) => ({ default: { one: of(0), two: of(1) } });
    gatewayd = await startGatewayd({
      config: JSON.stringify({
        loggers: { default: { noColor: true } },
        clients: blocks((index) => ({ address: servers[index].address })),
        pools: blocks(() => ({ mode: "transaction", size: 2 })),
        proxies: blocks(() => ({})),
        servers: { default: { address: "127.0.0.1:0", auth: { method: "trust" } } },
      }),
    });
  }, 60_000);

  afterAll(async () => {
    await gatewayd.stop();
    await gatewayd[Symbol.asyncDispose]();
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  /** A session that is led to this server: they take turns. */
  async function sessionAt(server: PostgresServer): Promise<RuleSession> {
    return await waitFor(
      "a session at the server",
      async () => {
        const session = await openSession(gatewayd);
        if ((await session.value(SERVER)) === String(server.port)) return session;
        await session.leave();
        return undefined;
      },
      { until: (session) => session !== undefined },
    ).then((session) => session ?? expect.unreachable());
  }

  test("19: is chosen once, not for each transaction", async () => {
    const sessions = await Promise.all(Array.from({ length: 6 }, () => openSession(gatewayd)));
    const ports = await Promise.all(sessions.map((session) => session.value(SERVER)));
    expect(new Set(ports)).toEqual(new Set(servers.map(({ port }) => String(port))));
    for (let round = 0; round < 5; round++) {
      expect(await Promise.all(sessions.map((session) => session.value(SERVER)))).toEqual(ports);
    }
    await Promise.all(sessions.map((session) => session.leave()));
  });

  test("19: is another one when it has no connection left, and stays that", async () => {
    const [one, two] = servers;
    await using free = await sessionAt(one);
    await using pinned = await sessionAt(one);
    await using elsewhere = await sessionAt(two);
    await pinned.ask("listen news");
    await one.stop();
    // Who is tied to what is lost goes with it.
    expect(await pinned.fatal()).toMatch(/^(57P01|08006)$/);
    expect(await free.value(SERVER)).toBe(String(two.port));
    expect(await elsewhere.value(SERVER)).toBe(String(two.port));
    await one.start();
    await using newcomer = await sessionAt(one);
    for (let round = 0; round < 5; round++) {
      expect(await free.value(SERVER)).toBe(String(two.port));
      expect(await newcomer.value(SERVER)).toBe(String(one.port));
    }
  });
});
