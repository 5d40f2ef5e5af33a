import { afterEach, beforeEach, expect } from "bun:test";
import { MemoryLogger } from "../../tests/fixtures/memory-logger.ts";
import { testWhere } from "../../tests/kit/index.ts";
import { TimerWheel } from "../net/index.ts";
import { CancelKeys } from "../session/index.ts";
import { CancelPeers } from "./cancel-peers.ts";

const testOnLinux = testWhere(process.platform === "linux", "names of sockets are Linux' own");

interface Side {
  readonly keys: CancelKeys;
  readonly peers: CancelPeers;
}

let sides: readonly Side[];

beforeEach(() => {
  sides = [0, 1, 2].map(() => {
    const keys = new CancelKeys();
    const options = { cancelKeys: keys, timers: new TimerWheel(), logger: new MemoryLogger() };
    const peers = new CancelPeers(options);
    peers.open();
    return { keys, peers };
  });
});

afterEach(() => {
  for (const { peers } of sides) peers.close();
});

const KEY = Uint8Array.of(0, 0, 0, 7, 1, 2, 3, 4);

testOnLinux("a request for another one's client is handed on, and waited for", async () => {
  const [here, , there] = sides;
  const told: string[] = [];
  const target = {
    cancel: async () => {
      await Bun.sleep(20);
      told.push("cancelled");
    },
  };
  const name = there?.keys.add(KEY, target) ?? "";
  await here?.keys.find(KEY)?.cancel();
  expect(told).toEqual(["cancelled"]);
  // Long secrets are in several pieces, perhaps.
  const long = Uint8Array.from({ length: 36 }, (_, index) => index);
  there?.keys.add(long, target);
  await here?.keys.find(long)?.cancel();
  expect(told).toHaveLength(2);
  there?.keys.remove(name, target);
  await here?.keys.find(KEY)?.cancel();
  expect(told).toHaveLength(2);
});

testOnLinux("a request that nobody knows comes to an end", async () => {
  for (const { keys } of sides) await keys.find(KEY)?.cancel();
});

testOnLinux("nothing is handed on by one that is closed, nor to it", async () => {
  const [here, gone, there] = sides;
  let count = 0;
  gone?.keys.add(KEY, { cancel: async () => void count++ });
  gone?.peers.close();
  await here?.keys.find(KEY)?.cancel();
  expect(count).toBe(0);
  there?.peers.close();
  expect(there?.keys.find(KEY)).toBeUndefined();
  // Its own it knows all the same.
  expect(gone?.keys.find(KEY)).toBeDefined();
});
