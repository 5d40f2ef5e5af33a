import { expect, test } from "bun:test";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import { GatewayError } from "../errors.ts";
import { TimerWheel } from "../net/index.ts";
import { ServerReach } from "./server-reach.ts";

/** A server that is there or not, and what is found out about it. */
class Kit {
  readonly clock = new FakeClock();
  readonly logger = new MemoryLogger();
  isThere = true;
  isProven = false;
  knocks = 0;
  readonly reach: ServerReach;

  constructor(periodMs: number) {
    this.reach = new ServerReach({
      name: "writes",
      knock: async () => {
        this.knocks++;
        if (!this.isThere) throw new GatewayError("ERR_SERVER_UNREACHABLE", "nobody is there");
      },
      isProven: () => this.isProven,
      periodMs: () => periodMs,
      timers: new TimerWheel(this.clock),
      logger: this.logger,
    });
  }

  async after(ms: number): Promise<boolean> {
    this.clock.advance(ms);
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
    return this.reach.isAway;
  }

  get told(): readonly string[] {
    return this.logger.records.map(({ level }) => level);
  }
}

test("a server that is away is looked for until it is there, and told of once", async () => {
  const kit = new Kit(60_000);
  expect(kit.reach.isAway).toBe(false);
  kit.isThere = false;
  await kit.reach.look();
  expect(kit.reach.isAway).toBe(true);
  expect(await kit.after(1_010)).toBe(true);
  expect([kit.knocks, kit.told]).toEqual([2, ["error"]]);
  kit.isThere = true;
  expect(await kit.after(1_010)).toBe(false);
  expect([kit.knocks, kit.told]).toEqual([3, ["error", "info"]]);
  // From then on it is looked for as seldom as connections are.
  kit.isThere = false;
  expect(await kit.after(59_000)).toBe(false);
  expect(await kit.after(1_010)).toBe(true);
  kit.reach.close();
  expect(kit.clock.timerCount).toBe(0);
});

test("connections are better evidence than any look", async () => {
  const kit = new Kit(1_000);
  kit.isThere = false;
  await kit.reach.look();
  kit.isProven = true;
  expect(kit.reach.isAway).toBe(false);
  expect(await kit.after(1_010)).toBe(false);
  expect(await kit.after(1_010)).toBe(false);
  expect(kit.knocks).toBe(1);
  kit.reach.close();
});

test("there is one look alone where connections are not looked at either", async () => {
  const kit = new Kit(0);
  await kit.reach.look();
  expect([kit.knocks, kit.clock.timerCount, kit.reach.isAway]).toEqual([1, 0, false]);
  kit.reach.close();
});

test("what a look finds after the end, or after a newer one, does not count", async () => {
  const kit = new Kit(0);
  kit.isThere = false;
  const older = kit.reach.look();
  kit.isThere = true;
  await Promise.all([older, kit.reach.look()]);
  expect([kit.reach.isAway, kit.told]).toEqual([false, []]);
  kit.isThere = false;
  const last = kit.reach.look();
  kit.reach.close();
  await Promise.all([last, kit.reach.look()]);
  expect([kit.reach.isAway, kit.clock.timerCount, kit.told]).toEqual([false, 0, []]);
});
