/** Asynchronous actions by way of a real Redis. */
import { expect } from "bun:test";
import { RedisClient } from "bun";
import { ActionChannel } from "../../src/act/effects/index.ts";
import type { ActionChannelOptions } from "../../src/act/effects/index.ts";
import { FakeClock } from "../fixtures/fake-clock.ts";
import { MemoryLogger } from "../fixtures/memory-logger.ts";
import {
  connectWire,
  freePort,
  type RedisServer,
  startPostgres,
  startRedis,
  testNeeding,
  waitFor,
} from "../kit/index.ts";
import { startInMode } from "./hook-modes.ts";

const CHANNEL = "gatewayd-actions";
const LOG = { log: true, level: "warn", message: "seen", user: "alice" };
const OUTPUT = { matchedPolicy: "log", metadata: LOG, verdict: true, terminal: false, sync: false };

const testWithRedis = testNeeding("redis-server");

class Channel implements AsyncDisposable {
  readonly logger = new MemoryLogger();
  readonly channel: ActionChannel;

  constructor(address: string, options: Partial<ActionChannelOptions> = {}) {
    this.channel = new ActionChannel({
      address,
      channel: CHANNEL,
      consumes: true,
      timeoutMs: 30_000,
      schedule: (delayMs, callback) => {
        const timer = setTimeout(callback, delayMs);
        return () => clearTimeout(timer);
      },
      now: () => performance.now(),
      logger: this.logger,
      ...options,
    });
    this.channel.open();
  }

  publish(message = "seen"): void {
    const metadata = { ...LOG, message };
    this.channel.publish({ ...OUTPUT, metadata }, { request: Buffer.from("Q") });
  }

  /** Of its two connections either may be there first. */
  async whenReading(): Promise<void> {
    for (const does of ["published to", "read from"]) {
      const said = `Asynchronous actions are ${does} Redis`;
      await waitFor(said, () => this.logger.count(said) > 0);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.channel.close();
  }
}

/** Somebody else who listens, as consumers of the original do. */
async function listen(redis: RedisServer): Promise<{ client: RedisClient; heard: string[] }> {
  const client = new RedisClient(`redis://${redis.address}`);
  await client.connect();
  const heard: string[] = [];
  await client.subscribe(CHANNEL, (text) => heard.push(text));
  return { client, heard };
}

testWithRedis("an action is published, and done by whoever reads the channel", async () => {
  await using redis = await startRedis();
  const { client, heard } = await listen(redis);
  await using own = new Channel(redis.address);
  await own.whenReading();
  own.publish();
  await waitFor("the action is done", () => own.logger.count("seen") === 1);
  await waitFor("the others hear of it", () => heard.length === 1);
  expect(JSON.parse(heard[0] ?? "")).toEqual({
    Output: OUTPUT,
    Params: [
      { Key: "__logger__", Value: {} },
      { Key: "__result__", Value: { request: "UQ==" } },
    ],
  });
  const record = own.logger.records.find(({ message }) => message === "seen");
  expect(record).toEqual({ level: "warn", message: "seen", fields: { user: "alice" } });
  expect(own.channel.counts).toEqual({
    published: 1,
    dropped: 0,
    failed: 0,
    consumed: 1,
    ignored: 0,
  });
  client.close();
});

testWithRedis(
  "what comes by the channel and is no such action is told of, and does nothing",
  async () => {
    await using redis = await startRedis();
    await using own = new Channel(redis.address);
    await own.whenReading();
    const client = new RedisClient(`redis://${redis.address}`);
    const terminate = { ...OUTPUT, matchedPolicy: "terminate", sync: true, terminal: true };
    for (const text of ["no JSON", "{}", JSON.stringify({ Output: terminate })]) {
      await client.publish(CHANNEL, text);
    }
    await client.publish(CHANNEL, JSON.stringify({ Output: { ...OUTPUT, verdict: false } }));
    own.publish("last");
    await waitFor("the last one is done", () => own.logger.count("last") === 1);
    expect(own.channel.counts).toMatchObject({ consumed: 1, ignored: 3 });
    client.close();
  },
);

testWithRedis("only what is asked for is read", async () => {
  await using redis = await startRedis();
  await using own = new Channel(redis.address, { consumes: false });
  own.publish();
  await waitFor("it is published", () => own.channel.counts.published === 1);
  expect(own.logger.count("seen")).toBe(0);
});

testWithRedis("while Redis is away actions wait, as many as there is room for", async () => {
  await using redis = await startRedis();
  await using own = new Channel(redis.address);
  await own.whenReading();
  await redis.stop();
  const away = "Redis cannot be reached for asynchronous actions";
  await waitFor("both connections are lost", () => own.logger.count(away) === 2);
  for (let count = 0; count < 1_005; count++) own.publish();
  expect(own.channel.counts).toMatchObject({ dropped: 5, failed: 0 });
  await redis.start();
  await waitFor("what waited is published", () => own.channel.counts.published === 1_000);
  const again = "Asynchronous actions are published to Redis";
  expect(own.logger.records.filter(({ message }) => message === again).at(-1)?.fields).toEqual({
    channel: CHANNEL,
    lost: 5,
  });
  const reading = "Asynchronous actions are read from Redis";
  await waitFor("it reads again", () => own.logger.count(reading) === 2);
  own.publish("afterwards");
  await waitFor("and goes on", () => own.logger.count("afterwards") === 1);
  // Told once for each connection, however often it was tried.
  expect(own.logger.count(away)).toBe(2);
});

testWithRedis(
  "a Redis that answers nothing holds nobody up, and is left after actionTimeout",
  async () => {
    await using redis = await startRedis();
    await using own = new Channel(redis.address, { timeoutMs: 200 });
    await own.whenReading();
    redis.freeze();
    own.publish();
    await waitFor("it is given up", () => own.channel.counts.failed === 1);
    redis.wake();
    const again = "Asynchronous actions are published to Redis";
    await waitFor("there is a new connection", () => own.logger.count(again) === 2);
    own.publish("afterwards");
    await waitFor("and it goes on", () => own.logger.count("afterwards") === 1);
  },
);

testWithRedis(
  "a Redis that has vanished without a word is noticed by whoever only listens",
  async () => {
    await using redis = await startRedis();
    const clock = new FakeClock();
    const schedule = (delayMs: number, callback: () => void) => {
      const timer = clock.setTimeout(callback, delayMs);
      return () => clock.clearTimeout(timer);
    };
    await using own = new Channel(redis.address, { schedule });
    await own.whenReading();
    redis.freeze();
    const away = "Redis cannot be reached for asynchronous actions";
    // Longer than the time until a ping, and then than the time that one has.
    clock.advance(10_001);
    expect(own.logger.count(away)).toBe(0);
    clock.advance(10_001);
    expect(own.logger.count(away)).toBe(2);
    redis.wake();
    const reading = "Asynchronous actions are read from Redis";
    await waitFor("it reads again", () => {
      // It tries again after a pause; in small steps, so that no ping is due before it has connected.
      clock.advance(100);
      return own.logger.count(reading) === 2;
    });
    own.publish("afterwards");
    await waitFor("and goes on", () => own.logger.count("afterwards") === 1);
  },
);

testWithRedis("what there is no room for is not written first", async () => {
  await using own = new Channel(`127.0.0.1:${await freePort()}`, { consumes: false });
  let reads = 0;
  const metadata = {
    get log() {
      reads++;
      return true;
    },
  };
  const publish = (bytes: number) =>
    own.channel.publish({ ...OUTPUT, metadata }, { request: new Uint8Array(bytes) });
  publish(17 * 1024 * 1024);
  expect(own.channel.counts.dropped).toBe(1);
  expect(reads).toBe(0);
  publish(11 * 1024 * 1024);
  publish(11 * 1024 * 1024);
  expect(own.channel.counts.dropped).toBe(2);
  expect(reads).toBe(1);
  for (let count = 0; count < 1_000; count++) publish(1);
  expect(own.channel.counts.dropped).toBe(3);
  expect(reads).toBe(1_000);
});

testWithRedis(
  "what is under way when Redis goes has failed, also without a limit of time",
  async () => {
    await using redis = await startRedis();
    await using own = new Channel(redis.address, { timeoutMs: 0 });
    await own.whenReading();
    redis.freeze();
    own.publish();
    await redis.stop();
    await waitFor("it is given up", () => own.channel.counts.failed === 1);
  },
);

testWithRedis("a Redis that is not there is told of once, and ends nothing", async () => {
  const own = new Channel(`127.0.0.1:${await freePort()}`, { consumes: false, timeoutMs: 100 });
  own.publish();
  await waitFor("the action is given up", () => own.channel.counts.failed === 1);
  await own.channel.close();
  expect(own.logger.records).toMatchObject([
    { level: "error", message: "Redis cannot be reached for asynchronous actions" },
    { level: "warn", message: "Asynchronous actions were lost", fields: { count: 1 } },
  ]);
});

testWithRedis("a gateway with actionRedis logs what plugins ask for by way of Redis", async () => {
  await using redis = await startRedis();
  await using postgres = await startPostgres();
  const { client: other, heard } = await listen(redis);
  const actionRedis = { enabled: true, address: redis.address };
  await using inside = await startInMode(
    "passthrough",
    postgres.address,
    {},
    { plugins: { actionRedis } },
  );
  inside.gateway.hooks.register("OnTrafficFromClient", {
    name: "plugin",
    priority: 1000,
    onError: "continue",
    handler: () => ({ __signals__: [{ name: "log", metadata: LOG }] }),
  });
  await using client = await connectWire(inside.target);
  await client.login();
  await waitFor("the action is published", () => heard.length > 0);
  expect(JSON.parse(heard[0] ?? "")).toMatchObject({ Output: OUTPUT });
  other.close();
});
