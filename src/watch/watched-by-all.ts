import type { ErrorCode } from "../errors.ts";
import type { ByteMeter } from "./byte-meter.ts";
import type { HookWatch } from "./hook-watch.ts";
import type { BlockWatch, GroupWatch, WatchedClient, WatchedSession } from "./session-watch.ts";
import type { WatchedUnit } from "./watched-unit.ts";

/** One that tells all of them, in their order; undefined for none, itself for a single one. */
export function watchedByAll(watches: readonly (GroupWatch | undefined)[]): GroupWatch | undefined {
  const present = watches.filter((watch) => watch !== undefined);
  return present.length > 1 ? new GroupWatches(present) : present[0];
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
  readonly #all: readonly GroupWatch[];
  readonly #blocks = new Map<string, BlockWatch>();

  constructor(all: readonly GroupWatch[]) {
    this.#all = all;
  }

  opened(session: WatchedSession, client: WatchedClient): void {
    for (const watch of this.#all) watch.opened(session, client);
  }

  closed(session: WatchedSession, openMs: number): void {
    for (const watch of this.#all) watch.closed(session, openMs);
  }

  refused(session: WatchedSession, code: ErrorCode): void {
    for (const watch of this.#all) watch.refused(session, code);
  }

  ended(session: WatchedSession, code: ErrorCode): void {
    for (const watch of this.#all) watch.ended(session, code);
  }

  terminated(session: WatchedSession): void {
    for (const watch of this.#all) watch.terminated(session);
  }

  block(name: string): BlockWatch {
    const known = this.#blocks.get(name);
    if (known !== undefined) return known;
    const block = new BlockWatches(this.#all.map((watch) => watch.block(name)));
    this.#blocks.set(name, block);
    return block;
  }
}

class BlockWatches implements BlockWatch {
  readonly #all: readonly BlockWatch[];
  readonly clientMeter: ByteMeter | undefined;
  readonly serverMeter: ByteMeter | undefined;

  constructor(all: readonly BlockWatch[]) {
    this.#all = all;
    // One of them counts at most: a second meter would count the same.
    this.clientMeter = all.find(({ clientMeter }) => clientMeter !== undefined)?.clientMeter;
    this.serverMeter = all.find(({ serverMeter }) => serverMeter !== undefined)?.serverMeter;
  }

  loggedIn(session: WatchedSession, tookMs: number): void {
    for (const watch of this.#all) watch.loggedIn(session, tookMs);
  }

  waited(session: WatchedSession, waitedMs: number, failure: ErrorCode | undefined): void {
    for (const watch of this.#all) watch.waited(session, waitedMs, failure);
  }

  pinned(session: WatchedSession, reason: string): void {
    for (const watch of this.#all) watch.pinned(session, reason);
  }

  cancelSent(): void {
    for (const watch of this.#all) watch.cancelSent();
  }

  failed(session: WatchedSession, sqlState: string): void {
    for (const watch of this.#all) watch.failed(session, sqlState);
  }

  unitBegan(unit: WatchedUnit): boolean {
    let isLookedAt = false;
    for (const watch of this.#all) if (watch.unitBegan(unit)) isLookedAt = true;
    return isLookedAt;
  }

  unitEnded(unit: WatchedUnit, tookMs: number): void {
    for (const watch of this.#all) watch.unitEnded(unit, tookMs);
  }
}
