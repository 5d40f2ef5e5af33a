import { expect, test } from "bun:test";
import { waitFor } from "../../../tests/kit/index.ts";
import { SpanQueue } from "./span-queue.ts";
import type { SendSpans } from "./span-queue.ts";

/** A queue with short times, and what it has told. */
function queueOf(options: { maxQueued?: number; maxBatch?: number; delayMs?: number } = {}) {
  const told: string[] = [];
  const queue = new SpanQueue<number>({
    maxQueued: options.maxQueued ?? 10,
    maxBatch: options.maxBatch ?? 4,
    delayMs: options.delayMs ?? 1,
    pauseMs: 1,
    onFailing: ({ message }) => void told.push(message),
    onRecovered: () => void told.push("recovered"),
  });
  return { queue, told };
}

function collect(): { batches: number[][]; send: SendSpans<number> } {
  const batches: number[][] = [];
  return {
    batches,
    send: (batch) => {
      batches.push(batch);
      return Promise.resolve(undefined);
    },
  };
}

test("spans go in batches, a full one at once and the rest after the delay", async () => {
  const { queue } = queueOf({ delayMs: 5 });
  const { batches, send } = collect();
  queue.open(send);
  for (let span = 0; span < 6; span++) queue.push(span);
  await waitFor("all of them", () => queue.counts.exported === 6);
  expect(batches).toEqual([
    [0, 1, 2, 3],
    [4, 5],
  ]);
});

test("what came before anybody took it is kept", async () => {
  const { queue } = queueOf();
  queue.push(1);
  expect(queue.counts).toEqual({ exported: 0, dropped: 0, failed: 0, queued: 1 });
  const { batches, send } = collect();
  queue.open(send);
  await waitFor("it", () => batches.length === 1);
});

test("what waits goes where spans go now, not where they went when it came", async () => {
  const { queue } = queueOf({ delayMs: 20 });
  const [former, present] = [collect(), collect()];
  queue.open(former.send);
  queue.push(1);
  queue.open(present.send);
  await waitFor("it", () => queue.counts.exported === 1);
  expect([former.batches, present.batches]).toEqual([[], [[1]]]);
});

test("more than there is room for is dropped, and counted", async () => {
  const { queue } = queueOf({ maxQueued: 3, maxBatch: 3 });
  const blocked = Promise.withResolvers<undefined>();
  queue.open(() => blocked.promise);
  for (let span = 0; span < 10; span++) queue.push(span);
  // Three are under way, three wait.
  expect(queue.counts).toEqual({ exported: 0, dropped: 4, failed: 0, queued: 3 });
  blocked.resolve(undefined);
  await waitFor("the rest", () => queue.counts.exported === 6);
});

test("an outage is told once at its begin and once at its end", async () => {
  const { queue, told } = queueOf({ maxBatch: 1 });
  let isAway = true;
  queue.open(() => (isAway ? Promise.reject(new Error("away")) : Promise.resolve(undefined)));
  queue.push(1);
  await waitFor("a failure", () => queue.counts.failed === 1);
  queue.push(2);
  await waitFor("another", () => queue.counts.failed === 2);
  isAway = false;
  queue.push(3);
  await waitFor("an export", () => queue.counts.exported === 1);
  expect(told).toEqual(["away", "recovered"]);
});

test("what is refused of a batch is counted and told as an outage, and makes nobody wait", async () => {
  const { queue, told } = queueOf({ maxBatch: 2 });
  const refusals = [
    { count: 1, reason: "too old" },
    { count: 9, reason: "too old" },
  ];
  queue.open(() => Promise.resolve(refusals.shift()));
  for (let span = 0; span < 6; span++) queue.push(span);
  await waitFor("all of them", () => queue.counts.exported === 3);
  expect(queue.counts).toMatchObject({ exported: 3, failed: 3 });
  expect(told).toEqual(["1 of 2 were refused: too old", "recovered"]);
});

test("the end sends what waits, but not for long and not in vain", async () => {
  const sent = queueOf({ delayMs: 60_000, maxQueued: 20 });
  const { batches, send } = collect();
  sent.queue.open(send);
  for (const span of [1, 2, 3]) sent.queue.push(span);
  await sent.queue.close(1_000);
  expect(batches).toEqual([[1, 2, 3]]);
  sent.queue.push(4);
  expect(sent.queue.counts).toEqual({ exported: 3, dropped: 1, failed: 0, queued: 0 });

  const hanging = queueOf({ delayMs: 60_000 });
  hanging.queue.open(() => new Promise(() => {}));
  hanging.queue.push(1);
  hanging.queue.push(2);
  await hanging.queue.close(5);
  expect(hanging.queue.counts).toMatchObject({ exported: 0, queued: 0 });

  const failing = queueOf({ delayMs: 60_000, maxBatch: 1 });
  failing.queue.open(() => Promise.reject(new Error("away")));
  failing.queue.push(1);
  failing.queue.push(2);
  await failing.queue.close(1_000);
  expect(failing.queue.counts).toEqual({ exported: 0, dropped: 1, failed: 1, queued: 0 });
});
