import { describe, expect, test } from "bun:test";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { RecordingClient, flush, pairOf, sharedPoolOf } from "../../tests/fixtures/shared-pool.ts";
import type { FakeBackend } from "../../tests/fixtures/shared-pool.ts";
import { createStrategy } from "../balancer/index.ts";
import { BlockChoice } from "./block-choice.ts";
import type { LeaseTicket } from "./lease-ticket.ts";
import type { SharedPool } from "./shared-pool.ts";

/** Two blocks whose backends are shared, taken in turns; users of this name are for the first alone. */
function setUp(boundUser?: string) {
  const clock = new FakeClock();
  const blocks = ["x", "y"].map((name) =>
    sharedPoolOf({ name, size: 2, queueTimeoutMs: 5_000 }, clock),
  );
  const [x, y] = blocks;
  if (x === undefined || y === undefined) throw new Error("there are two blocks");
  const strategy = createStrategy({
    strategy: "ROUND_ROBIN",
    group: "default",
    rules: [],
    random: () => 0.5,
  });
  const choice = new BlockChoice<LeaseTicket<FakeBackend>, SharedPool<FakeBackend>>(
    [x.pool, y.pool],
    strategy,
    ({ lane }) => {
      const isBound = lane?.pair.user === boundUser;
      return { pools: isBound ? [x.pool] : [x.pool, y.pool], strategy };
    },
  );
  return {
    x,
    y,
    clock,
    choice,
    pass: async (ms: number) => {
      for (let passedMs = 0; passedMs < ms; passedMs += 50) {
        clock.advance(50);
        await flush();
      }
    },
  };
}

/** It has its backend, and gives it back. */
async function leased(
  client: RecordingClient,
): Promise<{ readonly slot: RecordingClient["slot"] }> {
  await flush();
  const { slot } = client;
  client.release();
  return { slot };
}

describe("the choice of a block whose backends are shared", () => {
  test("is made among the blocks that live", async () => {
    const { x, y, choice, pass } = setUp();
    const client = new RecordingClient("a");
    const pickTwo = () => [choice.pick(client).name, choice.pick(client).name].toSorted();
    expect(pickTwo()).toEqual(["x", "y"]);
    x.server.isDown = true;
    x.ask("a1").ticket.withdraw();
    await pass(200);
    expect(pickTwo()).toEqual(["y", "y"]);
    x.server.isDown = false;
    await pass(1_500);
    expect(pickTwo()).toEqual(["x", "y"]);
    await Promise.all([x.closeClean(), y.closeClean()]);
  });

  test("moves the waiters of a block that dies, with their pair and their place in time", async () => {
    const { x, y, clock, pass } = setUp();
    const holders = [y.ask("a1"), y.ask("a2")];
    await flush();
    x.server.loginMs = 500;
    const served: string[] = [];
    const ask = (name: string, parts: typeof x) => {
      const client = new RecordingClient(name, served);
      parts.pool.lane(pairOf("a")).lease(client.ticket);
      return client;
    };
    const first = ask("first", x);
    clock.advance(10);
    const second = ask("second", y);
    clock.advance(10);
    const third = ask("third", x);
    x.server.isDown = true;
    await pass(600);
    expect([x.pool.snapshot().waiting, y.pool.snapshot().waiting]).toEqual([0, 3]);
    for (const client of [...holders, first, second]) client.release();
    expect(served).toEqual(["first", "second", "third"]);
    expect(third.slot?.lane).toBe(y.pool.lane(pairOf("a")));
    third.release();
    x.server.isDown = false;
    await Promise.all([x.closeClean(), y.closeClean()]);
  });

  test("leads on who comes back to a block that died while nobody waited", async () => {
    const { x, y, pass } = setUp("b");
    const { lane } = (await leased(x.ask("a1"))).slot ?? expect.unreachable();
    x.server.crash();
    await pass(1_000);
    const client = new RecordingClient("a2");
    lane.lease(client.ticket);
    const bound = x.ask("b1");
    await pass(100);
    expect(client.slot?.lane).toBe(y.pool.lane(pairOf("a")));
    expect(x.pool.snapshot().waiting).toBe(1);
    bound.ticket.withdraw();
    client.release();
    await Promise.all([x.closeClean(), y.closeClean()]);
  });

  test("leaves waiters where they are that may go nowhere else", async () => {
    const { x, y, pass } = setUp("b");
    x.server.isDown = true;
    const [free, bound] = [x.ask("a1"), x.ask("b1")];
    await pass(600);
    expect(x.served).toEqual(["a1"]);
    expect(free.slot?.lane).toBe(y.pool.lane(pairOf("a")));
    expect(x.pool.snapshot().waiting).toBe(1);
    x.server.isDown = false;
    await pass(1_500);
    expect(bound.slot?.lane).toBe(x.pool.lane(pairOf("b")));
    free.release();
    bound.release();
    await Promise.all([x.closeClean(), y.closeClean()]);
  });

  test("lets clients wait when no block lives, and serves them when one comes back", async () => {
    const { x, y, pass } = setUp();
    x.server.isDown = true;
    y.server.isDown = true;
    const clients = [x.ask("a1"), y.ask("b1"), x.ask("a2")];
    await pass(2_000);
    expect(clients.some(({ error }) => error !== undefined)).toBe(false);
    y.server.isDown = false;
    await pass(1_500);
    for (let round = 0; round < clients.length; round++) {
      for (const client of clients) if (client.slot !== undefined) client.release();
      await pass(200);
    }
    expect([...x.served, ...y.served].toSorted()).toEqual(["a1", "a2", "b1"]);
    x.server.isDown = false;
    await Promise.all([x.closeClean(), y.closeClean()]);
  });
});
