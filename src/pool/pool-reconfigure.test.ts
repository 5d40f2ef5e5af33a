import { describe, expect, test } from "bun:test";
import { FakeServer, settle } from "../../tests/fixtures/fake-server.ts";
import { RecordingWaiter, poolOf } from "../../tests/fixtures/pool.ts";
import type { PoolSettings } from "./pool-options.ts";
import { Ticket } from "./wait-queue.ts";

async function opened(size: number) {
  const kit = poolOf({ size });
  const opening = kit.pool.open();
  await settle();
  await opening;
  const ask = (name: string): RecordingWaiter => {
    const waiter = new RecordingWaiter(name);
    kit.pool.lease(new Ticket(waiter, kit.clock.now()));
    return waiter;
  };
  const change = (settings: Partial<PoolSettings>): void => {
    kit.pool.reconfigure({ ...kit.pool.options, ...settings });
  };
  return { ...kit, ask, change };
}

describe("a pool of passthrough with other settings", () => {
  test("closes idle backends that are too many, and dials those that are missing", async () => {
    const { pool, server, change } = await opened(4);
    change({ size: 2 });
    await settle();
    expect([pool.snapshot().available, server.open.length, server.dials]).toEqual([2, 2, 4]);
    change({ size: 5 });
    await settle();
    expect([pool.snapshot().available, server.open.length, server.dials]).toEqual([5, 5, 7]);
    await pool.close();
  });

  test("has no successor for a leased backend that is too many", async () => {
    const { pool, server, ask, change } = await opened(2);
    const clients = [ask("a"), ask("b")];
    change({ size: 1 });
    expect(server.open.length).toBe(2);
    clients[0]?.release(true);
    await settle();
    expect([pool.snapshot().available, server.open.length]).toEqual([0, 1]);
    clients[1]?.release(true);
    await settle();
    expect([pool.snapshot().available, server.open.length]).toEqual([1, 1]);
    await pool.close();
  });

  test("replaces idle backends by those of another server, and leaves leased ones alone", async () => {
    const { pool, server, ask, change } = await opened(3);
    const client = ask("a");
    const other = new FakeServer();
    change({ dial: other.dial });
    await settle();
    expect([server.open.length, other.open.length]).toEqual([1, 2]);
    client.release(true);
    await settle();
    expect([server.open.length, other.open.length]).toEqual([0, 3]);
    await pool.close();
  });

  test("does not keep what was dialled at the server before", async () => {
    const { pool, server, ask, change } = await opened(1);
    ask("a").release(true);
    await Promise.resolve();
    const other = new FakeServer();
    change({ dial: other.dial });
    await settle();
    expect([server.open.length, other.open.length]).toEqual([0, 1]);
    await pool.close();
  });
});

describe("a pool of passthrough that is retired", () => {
  test("lets who has a backend keep it, serves who waits, and holds nothing in the end", async () => {
    const { pool, server, clock, ask } = await opened(2);
    const clients = [ask("a"), ask("b")];
    const waiter = ask("c");
    pool.retire();
    clients[0]?.release(true);
    await settle();
    expect(waiter.backend).toBeDefined();
    clients[1]?.release(true);
    waiter.release(true);
    await settle();
    expect([server.open.length, pool.snapshot().available]).toEqual([0, 0]);
    const late = ask("d");
    await settle();
    expect(late.backend).toBeDefined();
    late.release(false);
    await settle();
    expect([server.open.length, clock.timerCount]).toEqual([0, 0]);
    await pool.close();
  });
});
