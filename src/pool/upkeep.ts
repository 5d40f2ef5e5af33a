/**
 * What happens to backends that nobody leases: closed when they are idle for too long, replaced when
 * they are old, pinged when they were not heard of. One deadline for all of it, set for what is due
 * first; a sweep looks at every backend.
 */
import type { Deadline } from "../net/index.ts";
import type { SharedBackend, SharedPoolOptions } from "./shared-pool-options.ts";
import type { Slot } from "./slot.ts";

/** Lifetimes differ by up to this part, so that backends made together do not end together. */
const LIFETIME_JITTER = 0.1;
/** Between two replacements of old backends: no wave of logins, whatever their ages. */
const AGING_PAUSE_MS = 100;
/** A backend that does not answer a ping for so long is given up. */
const PING_TIMEOUT_MS = 5_000;
/** Events that come together are swept together. */
const SOON_MS = 10;

/** The pool, as its upkeep sees it. */
export interface UpkeepPort<B extends SharedBackend> {
  readonly slots: ReadonlySet<Slot<B>>;
  /** How many backends there are beyond `minSize`; negative when some are missing. */
  readonly surplus: () => number;
  /** New backends can be had. While they cannot, an old one is better than none. */
  readonly mayReplace: () => boolean;
  readonly closeIdle: (slot: Slot<B>) => void;
  /** Takes an idle backend out of the way of leases. */
  readonly beginPing: (slot: Slot<B>) => void;
  readonly endPing: (slot: Slot<B>, isAlive: boolean) => void;
}

export class Upkeep<B extends SharedBackend> {
  /** How often a backend was asked for a sign of life. */
  pings = 0;
  readonly #options: SharedPoolOptions<B>;
  readonly #port: UpkeepPort<B>;
  readonly #deadline: Deadline;
  readonly #pingLimit: Deadline;
  /** The first thing that becomes due of a backend that is idle. */
  #firstDueMs: number;
  /** Ends the ping that goes on, one at a time: the others stay at hand. */
  #endPing: ((isAlive: boolean) => void) | undefined;
  #nextAgingMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: SharedPoolOptions<B>, port: UpkeepPort<B>) {
    const { timers } = options;
    this.#options = options;
    this.#port = port;
    this.#firstDueMs = firstDueMs(options);
    this.#deadline = timers.deadline(() => this.#sweep());
    this.#pingLimit = timers.deadline(() => this.#endPing?.(false));
  }

  /** When a backend that is made now has lived long enough. */
  expiryMs(nowMs: number): number {
    const { maxLifetimeMs, random } = this.#options;
    if (maxLifetimeMs === 0) return Number.POSITIVE_INFINITY;
    return nowMs + maxLifetimeMs * (1 - LIFETIME_JITTER + 2 * LIFETIME_JITTER * random());
  }

  /** To be called when a backend has become idle. */
  parked(slot: Slot<B>): void {
    if (slot.idleSinceMs + this.#firstDueMs < this.#dueAtMs) this.#deadline.set(this.#firstDueMs);
  }

  /** The options have changed: they hold for the backends there are, too. */
  reconfigured(): void {
    this.#firstDueMs = firstDueMs(this.#options);
    for (const slot of this.#port.slots) slot.expiresAtMs = this.expiryMs(slot.backend.dialledAtMs);
    this.soon();
  }

  /** To be called when more may be due than before. */
  soon(): void {
    if (this.#isClosed) return;
    if (this.#options.timers.clock.now() + SOON_MS < this.#dueAtMs) this.#deadline.set(SOON_MS);
  }

  /** Whether an old backend may be replaced now; counts as done when it may. */
  mayAge(): boolean {
    const nowMs = this.#options.timers.clock.now();
    if (nowMs < this.#nextAgingMs || !this.#port.mayReplace()) return false;
    this.#nextAgingMs = nowMs + AGING_PAUSE_MS;
    return true;
  }

  close(): void {
    this.#isClosed = true;
    this.#deadline.dispose();
    this.#pingLimit.dispose();
  }

  get #dueAtMs(): number {
    return this.#deadline.isSet ? this.#deadline.atMs : Number.POSITIVE_INFINITY;
  }

  #sweep(): void {
    if (this.#isClosed) return;
    const nowMs = this.#options.timers.clock.now();
    let nextMs = this.#markExpired(nowMs);
    const idle = [...this.#port.slots].filter(({ state }) => state === "idle");
    idle.sort((left, right) => left.idleSinceMs - right.idleSinceMs);
    for (const slot of idle) nextMs = Math.min(nextMs, this.#attend(slot, nowMs));
    if (nextMs < this.#dueAtMs) this.#deadline.set(Math.max(SOON_MS, nextMs - nowMs));
  }

  /** @returns when the next one expires */
  #markExpired(nowMs: number): number {
    let nextMs = Number.POSITIVE_INFINITY;
    for (const slot of this.#port.slots) {
      if (slot.fate !== "stays") continue;
      if (slot.expiresAtMs <= nowMs) slot.fate = "expired";
      else nextMs = Math.min(nextMs, slot.expiresAtMs);
    }
    return nextMs;
  }

  /**
   * Does what is due of an idle backend.
   * @returns when it is to be looked at again
   */
  #attend(slot: Slot<B>, nowMs: number): number {
    const { idleTimeoutMs, isStale } = this.#options;
    // What was done for another may have changed it.
    if (slot.state !== "idle") return Number.POSITIVE_INFINITY;
    if (slot.fate === "expired") {
      if (!this.mayAge()) return nowMs + AGING_PAUSE_MS;
      this.#port.closeIdle(slot);
      return Number.POSITIVE_INFINITY;
    }
    const closesAtMs =
      idleTimeoutMs > 0 && this.#port.surplus() > 0
        ? slot.idleSinceMs + idleTimeoutMs
        : Number.POSITIVE_INFINITY;
    if (closesAtMs <= nowMs || isStale?.(slot.backend) === true) {
      this.#port.closeIdle(slot);
      return Number.POSITIVE_INFINITY;
    }
    return Math.min(closesAtMs, this.#pingIfDue(slot, nowMs));
  }

  #pingIfDue(slot: Slot<B>, nowMs: number): number {
    const { pingAfterIdleMs, ping } = this.#options;
    // The end of the ping that goes on is followed by a sweep.
    if (ping === undefined || pingAfterIdleMs === 0 || this.#endPing !== undefined) return Infinity;
    const dueMs = Math.max(slot.idleSinceMs, slot.provedAtMs) + pingAfterIdleMs;
    if (dueMs > nowMs) return dueMs;
    void this.#ping(slot, ping);
    return Number.POSITIVE_INFINITY;
  }

  async #ping(slot: Slot<B>, ping: (backend: B) => Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#endPing = resolve;
    this.pings++;
    this.#port.beginPing(slot);
    this.#pingLimit.set(PING_TIMEOUT_MS);
    ping(slot.backend).then(
      () => resolve(true),
      () => resolve(false),
    );
    const isAlive = await promise;
    this.#pingLimit.clear();
    this.#endPing = undefined;
    this.#port.endPing(slot, isAlive);
    this.#sweep();
  }
}

function firstDueMs<B extends SharedBackend>(options: SharedPoolOptions<B>): number {
  const pingMs = options.ping === undefined ? 0 : options.pingAfterIdleMs;
  return Math.min(options.idleTimeoutMs || Infinity, pingMs || Infinity);
}
