import { describe, expect, test } from "bun:test";
import { GatewayError } from "../errors.ts";
import { flush, pairOf, sharedPoolOf } from "../../tests/fixtures/shared-pool.ts";

describe("a server that cannot be reached", () => {
  test("is probed one login at a time, with pauses, while clients wait", async () => {
    const { ask, server, pool, pass, logger, closeClean } = sharedPoolOf({ size: 20 });
    server.isDown = true;
    const clients = Array.from({ length: 10 }, (_, index) => ask(`a${index}`));
    await pass(5_000, 50);
    server.mostConnecting = 0;
    const before = server.attempts;
    await pass(30_000, 50);
    expect(server.attempts - before).toBeWithin(25, 40);
    expect([server.mostConnecting, pool.isLive]).toEqual([1, false]);
    expect(clients.some(({ error }) => error !== undefined)).toBe(false);
    server.isDown = false;
    await pass(2_000, 50);
    expect(clients.every(({ slot }) => slot !== undefined)).toBe(true);
    expect(pool.isLive).toBe(true);
    const failures = logger.count("Failed to connect to the server, trying until it answers");
    expect([failures, logger.count("The server can be reached again")]).toEqual([1, 1]);
    for (const client of clients) client.release();
    await closeClean();
  });

  test.each([
    ["isDown", "ERR_SERVER_UNREACHABLE"],
    ["isBusy", "ERR_SERVER_BUSY"],
  ] as const)("lets clients wait until their time is up: %s", async (state, code) => {
    const { ask, server, pass, closeClean } = sharedPoolOf({ queueTimeoutMs: 2_000 });
    server[state] = true;
    const client = ask("a1");
    await pass(1_900, 50);
    expect(client.error).toBeUndefined();
    await pass(200);
    expect(client.error).toMatchObject({ code });
    await closeClean();
  });

  test("is probed on when nobody waits, so that the pool is live when it is back", async () => {
    const { ask, server, pool, pass, closeClean } = sharedPoolOf({ queueTimeoutMs: 500 });
    const reported: string[] = [];
    pool.onDead = () => reported.push("dead");
    pool.onLive = () => reported.push("live");
    server.isDown = true;
    ask("a1");
    await pass(60_000, 50);
    expect([pool.isLive, reported]).toEqual([false, ["dead"]]);
    server.isDown = false;
    await pass(1_500, 50);
    expect([pool.isLive, reported]).toEqual([true, ["dead", "live"]]);
    // The one that was made to find out is there to be used.
    ask("a2").release();
    await closeClean();
  });

  test("is probed for the pair that failed last, and the others are forgotten", async () => {
    const { ask, server, pool, pass, closeClean } = sharedPoolOf({ queueTimeoutMs: 2_000 });
    server.isDown = true;
    ask("a1");
    await pass(2_100, 50);
    ask("b1");
    await pass(3_000, 50);
    const known = () => pool.snapshot().pairs.map(({ user }) => user);
    expect(known()).toEqual(["b"]);
    const client = ask("c1");
    server.isDown = false;
    await pass(1_500, 50);
    expect(known()).toEqual(["c"]);
    client.release();
    await closeClean();
  });

  test("makes nobody give way", async () => {
    const { ask, server, pass, closeClean } = sharedPoolOf({ size: 3 });
    let holders = [ask("a1"), ask("a2"), ask("a3")];
    await flush();
    server.isDown = true;
    holders.pop()?.release("broken");
    const waiters = [ask("b1"), ask("b2")];
    for (let round = 0; round < 50; round++) {
      const next = holders.map(() => ask("a"));
      for (const holder of holders) holder.release();
      holders = next;
      await pass(20);
    }
    expect(server.open).toHaveLength(2);
    for (const { ticket } of waiters) ticket.withdraw();
    for (const holder of holders) holder.release();
    await closeClean();
  });

  test("does not cost the backends that are left", async () => {
    const { ask, server, pool, pass, closeClean } = sharedPoolOf({ size: 2, maxLifetimeMs: 1_000 });
    const idle = [ask("a1"), ask("a2")];
    await flush();
    idle[0]?.release();
    idle[1]?.release("broken");
    server.isDown = true;
    const waiter = ask("b1");
    await pass(5_000, 50);
    expect(pool.snapshot()).toMatchObject({ idle: 1, waiting: 1 });
    expect(pool.isLive).toBe(true);
    waiter.ticket.withdraw();
    await closeClean();
  });
});

describe("a server that takes no more connections", () => {
  test("goes on serving those it has, and is asked again after a pause", async () => {
    const { ask, server, pass, served, closeClean } = sharedPoolOf({ size: 3 });
    const holder = ask("a0");
    await flush();
    server.isBusy = true;
    const clients = [ask("a1"), ask("a2")];
    await pass(1_000, 50);
    expect(server.attempts).toBeWithin(3, 8);
    holder.release();
    expect(served).toEqual(["a0", "a1"]);
    server.isBusy = false;
    await pass(1_500, 50);
    expect(served).toEqual(["a0", "a1", "a2"]);
    for (const client of clients) client.release();
    await closeClean();
  });
});

describe("a server that refuses the login of a pair", () => {
  test("fails all waiters of that pair at once, and no others", async () => {
    const { ask, server, pool, pass, closeClean } = sharedPoolOf({ size: 4 });
    server.closedDatabases.add("a");
    server.loginMs = 10;
    const refused = [ask("a1"), ask("a2"), ask("a3")];
    const welcome = ask("b1");
    await pass(20);
    expect(refused.map(({ error }) => error?.code)).toEqual(Array(3).fill("ERR_SERVER_LOGIN"));
    expect(refused[0]?.error?.message).toBe("the server knows no such database");
    expect(welcome.slot).toBeDefined();
    expect(pool.isLive).toBe(true);
    expect(pool.snapshot().pairs.map(({ user }) => user)).toEqual(["b"]);
    welcome.release();
    await closeClean();
  });

  test("is not paced: the next client is told as soon", async () => {
    const { ask, server, closeClean } = sharedPoolOf();
    server.closedDatabases.add("a");
    for (let index = 0; index < 20; index++) {
      const client = ask("a1");
      await flush();
      expect(client.error).toMatchObject({ code: "ERR_SERVER_LOGIN" });
    }
    await closeClean();
  });

  test("hands the very error to the clients, with all that it carries", async () => {
    const error = new GatewayError("ERR_SERVER_LOGIN");
    const { ask, closeClean } = sharedPoolOf({
      connect: async () => {
        await Promise.resolve();
        throw error;
      },
    });
    const client = ask("a1");
    await flush();
    expect(client.error).toBe(error);
    await closeClean();
  });

  test("is told by a probe that it can be reached", async () => {
    const { ask, server, pool, pass, closeClean } = sharedPoolOf({ queueTimeoutMs: 200 });
    server.isDown = true;
    ask("a1");
    await pass(1_000, 50);
    server.closedDatabases.add("a");
    server.isDown = false;
    await pass(1_500, 50);
    expect([pool.isLive, pool.snapshot().pairs]).toEqual([true, []]);
    await closeClean();
  });
});

describe("lost backends", () => {
  test("leave at once when they are idle, and are not handed out", async () => {
    const { ask, server, pool, closeClean } = sharedPoolOf();
    const client = ask("a1");
    await flush();
    client.release();
    server.open[0]?.lose();
    expect(pool.snapshot()).toMatchObject({ idle: 0, retiring: 0, pairs: [] });
    const next = ask("a2");
    expect(next.slot).toBeUndefined();
    await flush();
    expect(next.slot?.backend.isOpen).toBe(true);
    next.release();
    await closeClean();
  });

  test("make the pool cautious: it logs in for clients that wait, and for nobody else", async () => {
    const { pool, ask, server, pass, closeClean } = sharedPoolOf({ size: 5, minSize: 4 });
    pool.warm(pairOf("a"));
    await flush();
    expect(server.attempts).toBe(4);
    for (const backend of server.open) backend.lose();
    expect(pool.isLive).toBe(false);
    await pass(1_500, 50);
    expect(server.attempts).toBe(4);
    const client = ask("b1");
    await flush();
    expect([client.slot !== undefined, server.attempts, pool.isLive]).toEqual([true, 5, true]);
    await pass(1_000, 50);
    expect(pool.snapshot()).toMatchObject({ idle: 3, leased: 1 });
    client.release();
    await closeClean();
  });

  test.each(["clean", "lost"] as const)(
    "are a reason for caution when they were leased: %s",
    async (outcome) => {
      const { pool, ask, server, pass, closeClean } = sharedPoolOf({ minSize: 1 });
      pool.warm(pairOf("a"));
      await flush();
      const client = ask("a1");
      server.open[0]?.lose();
      client.release(outcome);
      await pass(1_900, 50);
      expect(server.attempts).toBe(1);
      await pass(200, 50);
      expect(server.attempts).toBe(2);
      await closeClean();
    },
  );
});

test("a server that closes what has served is not taken for one that lets nobody in", async () => {
  const { ask, server, pool, pass, closeClean } = sharedPoolOf();
  for (let round = 0; round < 10; round++) {
    const client = ask("a1");
    await flush();
    client.release();
    server.open[0]?.lose();
    await pass(100);
  }
  await pass(2_100, 50);
  expect([server.attempts, pool.isLive]).toEqual([10, true]);
  await closeClean();
});

describe("a server that closes whatever it lets in", () => {
  test("is not stormed, and is found to have become better though nobody waits", async () => {
    const { ask, server, pool, pass, closeClean } = sharedPoolOf({
      size: 5,
      queueTimeoutMs: 3_000,
      idleTimeoutMs: 1_000,
    });
    server.isRejecting = true;
    const clients = Array.from({ length: 20 }, (_, index) => ask(`a${index}`));
    await pass(30_000, 50);
    expect(server.attempts).toBeLessThan(60);
    for (const { error } of clients)
      expect(error).toMatchObject({ code: "ERR_SERVER_UNREACHABLE" });
    expect(pool.isLive).toBe(false);
    server.isRejecting = false;
    await pass(1_500, 50);
    expect(pool.isLive).toBe(true);
    await pass(10_000, 50);
    expect([server.open, pool.isLive, pool.snapshot().pairs]).toEqual([[], true, []]);
    await closeClean();
  });
});

describe("warm pairs", () => {
  test("have minSize backends between them, ready before anybody asks", async () => {
    const { pool, server, pass, closeClean } = sharedPoolOf({ size: 10, minSize: 5 });
    await pass(1_000, 100);
    expect(server.attempts).toBe(0);
    pool.warm(pairOf("a"));
    await flush();
    expect(pool.snapshot().pairs).toMatchObject([{ user: "a", idle: 5 }]);
    pool.warm(pairOf("b"));
    for (const backend of server.open.slice(0, 2)) backend.lose();
    await pass(2_100, 100);
    expect(pool.snapshot().pairs).toMatchObject([
      { user: "a", idle: 3 },
      { user: "b", idle: 2 },
    ]);
    await closeClean();
  });

  test("are left alone when the server refuses their login", async () => {
    const { pool, server, pass, closeClean } = sharedPoolOf({ minSize: 2 });
    server.closedDatabases.add("a");
    pool.warm(pairOf("a"));
    await pass(10_000, 100);
    expect(server.attempts).toBe(2);
    expect(pool.snapshot().pairs).toEqual([]);
    await closeClean();
  });

  test("are filled when the server comes up", async () => {
    const { pool, server, pass, closeClean } = sharedPoolOf({ minSize: 3 });
    server.isDown = true;
    pool.warm(pairOf("a"));
    await pass(10_000, 100);
    server.isDown = false;
    await pass(1_500, 100);
    expect(pool.snapshot().idle).toBe(3);
    await closeClean();
  });
});
