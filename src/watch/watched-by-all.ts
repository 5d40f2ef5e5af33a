import type { ErrorCode } from "../errors.ts";
import type { ByteMeter } from "./byte-meter.ts";
import type { HookWatch } from "./hook-watch.ts";
import type {
  BlockListener,
  BlockWatch,
  GroupListener,
  GroupWatch,
  WatchedClient,
  WatchedSession,
} from "./session-watch.ts";
import type { WatchedUnit } from "./watched-unit.ts";

/** Tells all of them, in their order; undefined when there are none. */
export function watchedByAll(
  listeners: readonly (GroupListener | undefined)[],
): GroupWatch | undefined {
  const present = listeners.filter((listener) => listener !== undefined);
  return present.length > 0 ? new GroupWatches(present) : undefined;
}

/** The same for those who hear of the calls of handlers. */
export function hooksWatchedByAll(
  watches: readonly (HookWatch | undefined)[],
): HookWatch | undefined {
  const present = watches.filter((watch) => watch !== undefined);
  return present.length > 1 ? new HookWatches(present) : present[0];
}

class HookWatches implements HookWatch {
  readonly #all: readonly HookWatch[];

  constructor(all: readonly HookWatch[]) {
    this.#all = all;
  }

  ran(...told: Parameters<HookWatch["ran"]>): void {
    for (const watch of this.#all) watch.ran(...told);
  }

  /** What each of them wants to have back. */
  began(...told: Parameters<HookWatch["began"]>): readonly unknown[] {
    return this.#all.map((watch) => watch.began(...told));
  }

  ended(...[hook, handler, session, begun, hasFailed]: Parameters<HookWatch["ended"]>): void {
    const each: readonly unknown[] = Array.isArray(begun) ? begun : [];
    for (const [index, watch] of this.#all.entries()) {
      watch.ended(hook, handler, session, each[index], hasFailed);
    }
  }
}

class GroupWatches implements GroupWatch {
  readonly #all: readonly GroupListener[];
  readonly #blocks = new Map<string, BlockWatch>();

  constructor(all: readonly GroupListener[]) {
    this.#all = all;
  }

  opened(session: WatchedSession, client: WatchedClient): void {
    for (const listener of this.#all) listener.opened?.(session, client);
  }

  closed(session: WatchedSession, openMs: number): void {
    for (const listener of this.#all) listener.closed?.(session, openMs);
  }

  refused(session: WatchedSession, code: ErrorCode): void {
    for (const listener of this.#all) listener.refused?.(session, code);
  }

  ended(session: WatchedSession, code: ErrorCode): void {
    for (const listener of this.#all) listener.ended?.(session, code);
  }

  terminated(session: WatchedSession): void {
    for (const listener of this.#all) listener.terminated?.(session);
  }

  block(name: string): BlockWatch {
    const known = this.#blocks.get(name);
    if (known !== undefined) return known;
    const block = new BlockWatches(this.#all.map((listener) => listener.block(name)));
    this.#blocks.set(name, block);
    return block;
  }
}

class BlockWatches implements BlockWatch {
  readonly #all: readonly BlockListener[];
  // What happens with each unit is told to nobody who does not want to hear it.
  readonly #ofWaits: readonly Hearing<"waited">[];
  readonly #ofBegins: readonly Hearing<"unitBegan">[];
  readonly #ofEnds: readonly Hearing<"unitEnded">[];
  readonly clientMeter: ByteMeter | undefined;
  readonly serverMeter: ByteMeter | undefined;

  constructor(all: readonly BlockListener[]) {
    this.#all = all;
    this.#ofWaits = all.filter(hears("waited"));
    this.#ofBegins = all.filter(hears("unitBegan"));
    this.#ofEnds = all.filter(hears("unitEnded"));
    // One of them counts at most: a second meter would count the same.
    this.clientMeter = all.find(({ clientMeter }) => clientMeter !== undefined)?.clientMeter;
    this.serverMeter = all.find(({ serverMeter }) => serverMeter !== undefined)?.serverMeter;
  }

  loggedIn(session: WatchedSession, tookMs: number): void {
    for (const listener of this.#all) listener.loggedIn?.(session, tookMs);
  }

  waited(session: WatchedSession, waitedMs: number, failure: ErrorCode | undefined): void {
    for (const listener of this.#ofWaits) listener.waited(session, waitedMs, failure);
  }

  pinned(session: WatchedSession, reason: string): void {
    for (const listener of this.#all) listener.pinned?.(session, reason);
  }

  cancelSent(): void {
    for (const listener of this.#all) listener.cancelSent?.();
  }

  failed(session: WatchedSession, sqlState: string): void {
    for (const listener of this.#all) listener.failed?.(session, sqlState);
  }

  unitBegan(unit: WatchedUnit): boolean {
    let isLookedAt = false;
    for (const listener of this.#ofBegins) if (listener.unitBegan(unit)) isLookedAt = true;
    return isLookedAt;
  }

  unitEnded(unit: WatchedUnit, tookMs: number): void {
    for (const listener of this.#ofEnds) listener.unitEnded(unit, tookMs);
  }
}

type Hearing<Event extends keyof BlockWatch> = BlockListener & Pick<BlockWatch, Event>;

function hears<Event extends keyof BlockWatch>(event: Event) {
  return (listener: BlockListener): listener is Hearing<Event> => listener[event] !== undefined;
}
