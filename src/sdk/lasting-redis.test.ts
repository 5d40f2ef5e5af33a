import { expect } from "bun:test";
import { startRedis, testNeeding, waitFor } from "../../tests/kit/index.ts";
import type { Schedule } from "../hooks/index.ts";
import { RedisLink } from "../redis/index.ts";
import { lastingRedis } from "./lasting-redis.ts";

/** A hundred times as fast: pings come after 100 ms, and may take 50. */
const schedule: Schedule = (delayMs, callback) => {
  const timer = setTimeout(callback, delayMs / 100);
  return () => clearTimeout(timer);
};

async function open(address: string) {
  const losses: unknown[] = [];
  const link = new RedisLink({
    url: `redis://${address}`,
    schedule,
    onReady: () => {},
    onLost: (error) => losses.push(error),
  });
  link.open();
  const redis = lastingRedis(link);
  await waitFor("the connection", () => redis.connected);
  return { redis, losses, [Symbol.dispose]: () => link.close() };
}

const testWithRedis = testNeeding("redis-server");

testWithRedis(
  "a Redis that says nothing any more is left, and what waits for it fails",
  async () => {
    await using server = await startRedis();
    using connection = await open(server.address);
    const { redis, losses } = connection;
    server.freeze();
    await expect(redis.get("key")).rejects.toThrow("Connection closed");
    expect(losses).toEqual([new Error("Redis does not answer")]);
    expect(redis.connected).toBe(false);
    server.wake();
    await waitFor("it is there again", () => redis.connected);
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
    // Longer than a ping and the time it may take.
    await new Promise((resolve) => setTimeout(resolve, 400));
    await other.redis.rpush("list", "item");
    expect(await answer).toEqual(["list", "item"]);
  }
  expect(waiting.losses).toEqual([]);
  server.freeze();
  await waitFor("it is noticed again", () => waiting.losses.length === 1);
});
