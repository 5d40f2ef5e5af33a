import { describe, expect, test } from "bun:test";
import { RecordingClient, flush, sharedPoolOf } from "../../tests/fixtures/shared-pool.ts";
import type { FakeBackend } from "../../tests/fixtures/shared-pool.ts";
import type { SharedPoolSettings } from "./shared-pool-options.ts";
import type { SharedPool } from "./shared-pool.ts";

function change(pool: SharedPool<FakeBackend>, settings: Partial<SharedPoolSettings>): void {
  pool.reconfigure({ ...pool.options, ...settings });
}

async function leased(kit: ReturnType<typeof sharedPoolOf>, count: number) {
  const clients = Array.from({ length: count }, (_, index) => kit.ask(`a${index}`));
  await flush();
  expect(clients.every(({ slot }) => slot !== undefined)).toBe(true);
  return clients;
}

describe("a shared pool that becomes smaller", () => {
  test("closes idle backends at once, those that are idle longest first", async () => {
    const kit = sharedPoolOf({ size: 4 });
    const clients = await leased(kit, 4);
    for (const client of clients) {
      client.release();
      kit.clock.advance(1);
    }
    const open = [...kit.server.open];
    change(kit.pool, { size: 1 });
    await flush();
    expect(kit.server.open).toEqual(open.slice(3));
    expect(kit.pool.snapshot()).toMatchObject({ size: 1, idle: 1, leased: 0, retiring: 0 });
    await kit.closeClean();
  });

  test("closes leased backends as they are given back, whoever waits", async () => {
    const kit = sharedPoolOf({ size: 4 });
    const clients = await leased(kit, 4);
    const waiter = kit.ask("a9");
    change(kit.pool, { size: 2 });
    expect(kit.server.open.length).toBe(4);
    clients[0]?.release();
    clients[1]?.release();
    await flush();
    expect([kit.server.open.length, waiter.slot]).toEqual([2, undefined]);
    clients[2]?.release();
    await flush();
    expect(waiter.slot).toBeDefined();
    clients[3]?.release();
    waiter.release();
    await flush();
    expect(kit.pool.snapshot()).toMatchObject({ idle: 2, leased: 0, retiring: 0, connecting: 0 });
    expect(kit.server.attempts).toBe(4);
    await kit.closeClean();
  });

  test("gives up what was on the way when there is no place for it any more", async () => {
    const kit = sharedPoolOf({ size: 4 });
    const clients = Array.from({ length: 4 }, (_, index) => kit.ask(`a${index}`));
    change(kit.pool, { size: 1 });
    await flush();
    await flush();
    expect(kit.server.open.length).toBe(1);
    for (let served = 0; served < 4; served++) {
      const client = clients.find(({ slot }) => slot !== undefined);
      client?.release();
      clients.splice(clients.indexOf(client ?? new RecordingClient("none")), 1);
    }
    expect([clients.length, kit.server.open.length]).toEqual([0, 1]);
    await kit.closeClean();
  });
});

describe("a shared pool with other settings", () => {
  test("that has become larger serves those who wait at once", async () => {
    const kit = sharedPoolOf({ size: 1 });
    const [holder] = await leased(kit, 1);
    const waiters = [kit.ask("a1"), kit.ask("a2")];
    change(kit.pool, { size: 3 });
    await flush();
    expect(waiters.map(({ slot }) => slot !== undefined)).toEqual([true, true]);
    for (const client of [holder, ...waiters]) client?.release();
    await kit.closeClean();
  });

  test("that shrinks and grows again keeps its size, whatever was on its way out", async () => {
    const kit = sharedPoolOf({ size: 6 });
    const clients = await leased(kit, 6);
    change(kit.pool, { size: 2 });
    clients[0]?.release();
    change(kit.pool, { size: 6 });
    for (const client of clients.slice(1)) client.release();
    await flush();
    const { idle, leased: busy, connecting, retiring } = kit.pool.snapshot();
    expect(idle + busy + connecting + retiring).toBeLessThanOrEqual(6);
    expect(idle).toBe(5);
    const again = await leased(kit, 6);
    expect(kit.server.open.length).toBe(6);
    for (const client of again) client.release();
    await kit.closeClean();
  });

  test("limits the time of those who wait already", async () => {
    const kit = sharedPoolOf({ size: 1, queueTimeoutMs: 0 });
    const [holder] = await leased(kit, 1);
    const waiter = kit.ask("a1");
    kit.clock.advance(10_000);
    change(kit.pool, { queueTimeoutMs: 12_000 });
    kit.clock.advance(1_900);
    expect(waiter.error).toBeUndefined();
    kit.clock.advance(200);
    expect(waiter.error?.code).toBe("ERR_POOL_EXHAUSTED");
    holder?.release();
    await kit.closeClean();
  });

  test("closes idle backends after the new time", async () => {
    const kit = sharedPoolOf({ size: 2, idleTimeoutMs: 0 });
    const clients = await leased(kit, 2);
    for (const client of clients) client.release();
    change(kit.pool, { idleTimeoutMs: 5_000 });
    kit.clock.advance(4_000);
    expect(kit.server.open.length).toBe(2);
    await kit.pass(2_000, 100);
    expect(kit.server.open.length).toBe(0);
    await kit.closeClean();
  });

  test("replaces backends that are older than the new lifetime", async () => {
    const kit = sharedPoolOf({ size: 1, maxLifetimeMs: 0 });
    const [client] = await leased(kit, 1);
    client?.release();
    kit.clock.advance(60_000);
    change(kit.pool, { maxLifetimeMs: 30_000 });
    await kit.pass(1_000, 100);
    expect(kit.server.open.length).toBe(0);
    await kit.closeClean();
  });

  test("keeps nothing warm until it is told to again", async () => {
    const kit = sharedPoolOf({ size: 2, minSize: 1, idleTimeoutMs: 1_000 });
    kit.pool.warm({ user: "a", database: "a", key: "" });
    await flush();
    expect(kit.server.open.length).toBe(1);
    change(kit.pool, { minSize: 0 });
    await kit.pass(3_000, 100);
    expect(kit.server.open.length).toBe(0);
    change(kit.pool, { minSize: 2 });
    kit.pool.warm({ user: "a", database: "a", key: "" });
    await flush();
    expect(kit.server.open.length).toBe(2);
    await kit.closeClean();
  });
});

describe("a shared pool that is retired", () => {
  test("serves who still has to do with it, and holds nothing in the end", async () => {
    const kit = sharedPoolOf({ size: 1, minSize: 1 });
    kit.pool.warm({ user: "a", database: "a", key: "" });
    await flush();
    const holder = kit.ask("a1");
    const waiter = kit.ask("a2");
    kit.pool.retire();
    holder.release();
    expect(waiter.slot).toBeDefined();
    waiter.release();
    await kit.pass(3_000, 100);
    expect([kit.server.open.length, kit.pool.snapshot().pairs]).toEqual([0, []]);
    const late = kit.ask("a3");
    await flush();
    expect(late.slot).toBeDefined();
    late.release();
    await kit.closeClean();
  });

  test("does not go on looking for a server that is away", async () => {
    const kit = sharedPoolOf({ size: 1, queueTimeoutMs: 1_000 });
    kit.server.isDown = true;
    const waiter = kit.ask("a1");
    await flush();
    kit.pool.retire();
    await kit.pass(2_000, 100);
    expect(waiter.error?.code).toBe("ERR_SERVER_UNREACHABLE");
    const { attempts } = kit.server;
    for (let round = 0; round < 5; round++) {
      await kit.pass(2_000, 100);
    }
    expect(kit.server.attempts - attempts).toBeLessThanOrEqual(1);
    await kit.closeClean();
  });
});
