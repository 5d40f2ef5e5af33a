import { expect, test } from "bun:test";
import { Hidden } from "../hidden.ts";
import { ScramKeyCache } from "./scram-key-cache.ts";
import type { DeriveKeys } from "./scram-keys.ts";

const SALT = Buffer.from("salt");
const password = new Hidden("secret");

/** Counts derivations and fails those it is told to. */
function counting(fails: readonly number[] = []): { derive: DeriveKeys; count: () => number } {
  let count = 0;
  const derive: DeriveKeys = () => {
    count += 1;
    const key = Buffer.from([count]);
    return fails.includes(count)
      ? Promise.reject(new Error("no thread"))
      : Promise.resolve({ clientKey: key, serverKey: key });
  };
  return { derive, count: () => count };
}

test("keys are derived once, also for logins at the same time", async () => {
  const { derive, count } = counting();
  const cache = new ScramKeyCache(derive);
  const all = await Promise.all([1, 2, 3].map(() => cache.keysOf(password, SALT, 4096)));
  expect(count()).toBe(1);
  expect(new Set(all).size).toBe(1);
});

test("another password, salt or iteration count has keys of its own", async () => {
  const { derive, count } = counting();
  const cache = new ScramKeyCache(derive);
  await cache.keysOf(password, SALT, 4096);
  await cache.keysOf(new Hidden("Secret"), SALT, 4096);
  await cache.keysOf(password, Buffer.from("sals"), 4096);
  await cache.keysOf(password, SALT, 4097);
  expect(count()).toBe(4);
});

test("the keys not used for longest are forgotten", async () => {
  const { derive, count } = counting();
  const cache = new ScramKeyCache(derive, 2);
  const use = (iterations: number) => cache.keysOf(password, SALT, iterations);
  for (const iterations of [1, 2, 1, 3, 1]) await use(iterations);
  expect(count()).toBe(3);
  await use(2);
  expect(count()).toBe(4);
});

test("a derivation that failed is tried again", async () => {
  const { derive, count } = counting([1]);
  const cache = new ScramKeyCache(derive);
  await expect(cache.keysOf(password, SALT, 4096)).rejects.toThrow("no thread");
  expect(await cache.keysOf(password, SALT, 4096)).toMatchObject({ clientKey: Buffer.from([2]) });
  expect(count()).toBe(2);
});
