import { describe, expect, test } from "bun:test";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { settle } from "../../tests/fixtures/fake-server.ts";
import { RecordingWaiter, poolOf } from "../../tests/fixtures/pool.ts";
import { createStrategy } from "../balancer/index.ts";
import { BlockRouter } from "./index.ts";
import type { PoolOptions } from "./index.ts";

/** Blocks of two backends each, taken in turns. */
async function setUp(names: readonly string[], options: Partial<PoolOptions> = {}) {
  const clock = new FakeClock();
  const blocks = names.map((name) => poolOf({ name, size: 2, ...options }, clock));
  const openings = blocks.map(({ pool }) => pool.open());
  await settle();
  await Promise.all(openings);
  const strategy = createStrategy({
    strategy: "ROUND_ROBIN",
    group: "default",
    rules: [],
    random: () => 0.5,
  });
  const pools = blocks.map(({ pool }) => pool);
  const router = new BlockRouter(pools, strategy, () => clock.now());
  const served: string[] = [];
  const block = (name: string) => {
    const found = blocks[names.indexOf(name)];
    if (found === undefined) throw new Error(`no block ${name}`);
    return found;
  };
  return {
    router,
    clock,
    served,
    crash: async (name: string) => {
      block(name).server.crash();
      await settle();
      // The pool looks for its server once more, in vain.
      clock.advance(150);
      await settle();
    },
    comeBack: async (name: string) => {
      block(name).server.isDown = false;
      for (let step = 0; step < 50; step++) {
        clock.advance(50);
        await settle();
      }
    },
    ask: (name: string) => {
      const waiter = new RecordingWaiter(name, served);
      return Object.assign(waiter, { ticket: router.lease(waiter) });
    },
    waitingIn: (name: string) => block(name).pool.snapshot().waiting,
    close: async () => {
      await Promise.all(pools.map((pool) => pool.close()));
      expect(clock.timerCount).toBe(0);
    },
  };
}

/** Asks and gives back at once; the blocks that served, sorted. */
function blocksOf(parts: Awaited<ReturnType<typeof setUp>>, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const waiter = parts.ask(`${index}`);
    const { poolName } = waiter;
    waiter.release(false);
    return poolName ?? "none";
  }).toSorted();
}

describe("the router of blocks", () => {
  test("leads clients to the blocks its strategy picks", async () => {
    const parts = await setUp(["a", "b", "c"]);
    expect(blocksOf(parts, 6)).toEqual(["a", "a", "b", "b", "c", "c"]);
    await parts.close();
  });

  test("skips a block without its server, and takes it in again", async () => {
    const parts = await setUp(["a", "b", "c"]);
    await parts.crash("b");
    expect(blocksOf(parts, 6)).toEqual(["a", "a", "a", "c", "c", "c"]);
    await parts.comeBack("b");
    expect(blocksOf(parts, 6)).toEqual(["a", "a", "b", "b", "c", "c"]);
    await parts.close();
  });

  test("moves the waiters of a block that dies, in the order they came", async () => {
    const parts = await setUp(["a", "b"]);
    const holders = Array.from({ length: 4 }, (_, index) => parts.ask(`holder ${index}`));
    const waiters: ReturnType<typeof parts.ask>[] = [];
    for (let index = 0; index < 6; index++) {
      waiters.push(parts.ask(`${index}`));
      parts.clock.advance(10);
    }
    expect([parts.waitingIn("a"), parts.waitingIn("b")]).toEqual([3, 3]);
    await parts.crash("a");
    for (const holder of holders) if (holder.poolName === "a") holder.release(true);
    await settle();
    expect([parts.waitingIn("a"), parts.waitingIn("b")]).toEqual([0, 6]);

    parts.served.length = 0;
    const inB = [...holders.filter(({ poolName }) => poolName === "b"), ...waiters];
    for (const each of inB) {
      await settle();
      each.release(true);
      await settle();
    }
    expect(parts.served).toEqual(["0", "1", "2", "3", "4", "5"]);
    await parts.close();
  });

  test("lets clients wait when no block lives, and serves them when one comes back", async () => {
    const parts = await setUp(["a", "b"]);
    await parts.crash("a");
    await parts.crash("b");
    const waiters = ["0", "1"].map((name) => parts.ask(name));
    expect(parts.served).toEqual([]);
    await parts.comeBack("b");
    expect(parts.served).toEqual(["0", "1"]);
    expect(waiters.map(({ poolName }) => poolName)).toEqual(["b", "b"]);
    for (const waiter of waiters) waiter.release(false);
    await parts.close();
  });

  test("counts the time in all queues together", async () => {
    const parts = await setUp(["a", "b"], { queueTimeoutMs: 5_000 });
    await parts.crash("a");
    await parts.crash("b");
    const waiter = parts.ask("a");
    parts.clock.advance(500);
    await settle();
    await parts.comeBack("b");
    expect(waiter.backend).toBeDefined();
    waiter.release(false);

    const holders = [parts.ask("1"), parts.ask("2")];
    const late = parts.ask("late");
    parts.clock.advance(5_010);
    await settle();
    expect(late.error).toMatchObject({ code: "ERR_POOL_EXHAUSTED" });
    for (const holder of holders) holder.release(false);
    await parts.close();
  });

  test("withdraws a waiter wherever it stands, and does nothing for one who was served", async () => {
    const parts = await setUp(["a", "b"]);
    await parts.crash("a");
    await parts.crash("b");
    const [first, second] = [parts.ask("first"), parts.ask("second")];
    parts.router.withdraw(first.ticket);
    await parts.comeBack("a");
    expect(parts.served).toEqual(["second"]);
    parts.router.withdraw(second.ticket);
    expect(second.backend).toBeDefined();
    second.release(false);
    await parts.close();
  });
});
