import { expect } from "bun:test";
import { FakeClock } from "../../tests/fixtures/fake-clock.ts";
import { startRedis, testNeeding, waitFor } from "../../tests/kit/index.ts";
import type { Schedule } from "../hooks/index.ts";
import { RedisLink } from "../redis/index.ts";
import { lastingRedis } from "./lasting-redis.ts";

/** More than the time until a ping, and than the time that one has. */
const LONG_MS = 10_001;

/** Its time is a clock's of the test: on a busy machine a Redis that is well may take long to answer a ping. */
async function open(address: string) {
  const losses: unknown[] = [];
  const clock = new FakeClock();
  const schedule: Schedule = (delayMs, callback) => {
    const timer = clock.setTimeout(callback, delayMs);
    return () => clock.clearTimeout(timer);
  };
  const link = new RedisLink({
    url: `redis://${address}`,
    schedule,
    onReady: () => {},
    onLost: (error) => losses.push(error),
  });
  link.open();
  const redis = lastingRedis(link);
  await waitFor("the connection", () => redis.connected);
  return { redis, losses, clock, [Symbol.dispose]: () => link.close() };
}

const testWithRedis = testNeeding("redis-server");

testWithRedis(
  "a Redis that says nothing any more is left, and what waits for it fails",
  async () => {
    await using server = await startRedis();
    using connection = await open(server.address);
    const { redis, losses, clock } = connection;
    server.freeze();
    const answer = redis.get("key");
    clock.advance(LONG_MS);
    expect(losses).toEqual([]);
    clock.advance(LONG_MS);
    await expect(answer).rejects.toThrow("Connection closed");
    expect(losses).toEqual([new Error("Redis does not answer")]);
    expect(redis.connected).toBe(false);
    server.wake();
    await waitFor("it is there again", () => {
      // It tries again after a pause.
      if (!redis.connected) clock.advance(LONG_MS);
      return redis.connected;
    });
    expect(await redis.get("key")).toBeNull();
  },
);

testWithRedis("a command that waits for something to happen may wait", async () => {
  await using server = await startRedis();
  using waiting = await open(server.address);
  using other = await open(server.address);
  for (const wait of [
    () => waiting.redis.send("blpop", ["list", "0"]),
    () => waiting.redis.blpop("list", 0),
  ]) {
    const answer = wait();
    // A ping and the time it may take, twice.
    for (let count = 0; count < 4; count++) waiting.clock.advance(LONG_MS);
    await other.redis.rpush("list", "item");
    expect(await answer).toEqual(["list", "item"]);
  }
  expect(waiting.losses).toEqual([]);
  server.freeze();
  await waitFor("it is noticed again", () => {
    waiting.clock.advance(LONG_MS);
    return waiting.losses.length === 1;
  });
});
