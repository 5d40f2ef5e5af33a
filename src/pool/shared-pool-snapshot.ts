/** What a shared pool has at one moment: counted, and one by one. */
import type { PairLane } from "./pair-lane.ts";
import type { PooledServer, PoolWaiter } from "./pool-contents.ts";
import type { PairSnapshot, SharedBackend, SharedPoolOptions } from "./shared-pool-options.ts";
import type { SharedPoolSnapshot } from "./shared-pool-options.ts";
import type { Slot } from "./slot.ts";

export function snapshotOf<B extends SharedBackend>(
  { size, timers }: SharedPoolOptions<B>,
  lanes: Iterable<PairLane<B>>,
  slots: Iterable<Slot<B>>,
  pings: number,
): SharedPoolSnapshot {
  const leased = new Map<PairLane<B>, number>();
  for (const { lane, state } of slots) {
    if (state === "leased") leased.set(lane, (leased.get(lane) ?? 0) + 1);
  }
  const nowMs = timers.clock.now();
  const pairs = [...lanes].map((lane) => pairSnapshot(lane, leased.get(lane) ?? 0, nowMs));
  const sum = (count: (pair: PairSnapshot) => number): number =>
    pairs.reduce((total, pair) => total + count(pair), 0);
  return {
    size,
    idle: sum(({ idle }) => idle),
    leased: sum(({ leased }) => leased),
    connecting: sum(({ connecting }) => connecting),
    retiring: sum(({ retiring }) => retiring),
    waiting: sum(({ waiting }) => waiting),
    oldestWaitMs: Math.max(0, ...pairs.map(({ oldestWaitMs }) => oldestWaitMs)),
    pings,
    pairs,
  };
}

function pairSnapshot<B extends SharedBackend>(
  lane: PairLane<B>,
  leased: number,
  nowMs: number,
): PairSnapshot {
  const { pair, slots, connecting, retiring, waiting } = lane;
  return {
    user: pair.user,
    database: pair.database,
    // Those that are pinged, too: they are back in a moment.
    idle: slots - leased,
    leased,
    connecting,
    retiring,
    waiting,
    oldestWaitMs: waiting > 0 ? nowMs - lane.oldestSinceMs : 0,
  };
}

/** @param retiring those that the server has not let go of */
export function serversOf<B extends SharedBackend>(
  slots: Iterable<Slot<B>>,
  retiring: Iterable<Slot<B>>,
  nowMs: number,
): readonly PooledServer<B>[] {
  return [...slots, ...retiring].map(({ backend, lane, state, fate, idleSinceMs, uses }) => ({
    backend,
    user: lane.pair.user,
    database: lane.pair.database,
    state: state === "gone" ? "retiring" : state,
    idleMs: state === "idle" ? nowMs - idleSinceMs : 0,
    uses,
    isCondemned: fate !== "stays",
  }));
}

export function waitersOf<B extends SharedBackend>(
  lanes: Iterable<PairLane<B>>,
  nowMs: number,
): readonly PoolWaiter[] {
  return [...lanes].flatMap(({ pair: { user, database }, waiters }) =>
    [...waiters].map((ticket, index) => ({
      ticket,
      remoteAddress: ticket.waiter.remoteAddress,
      user,
      database,
      waitedMs: nowMs - ticket.sinceMs,
      place: index + 1,
    })),
  );
}
