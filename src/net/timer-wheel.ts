/**
 * Many deadlines on one timer.
 *
 * Deadlines are kept in buckets of {@link TICK_MS}; one timer waits for the earliest bucket. Moving
 * a deadline later is a single assignment: its entry is found early, and put back where it belongs.
 * A deadline may fire up to one tick late, never early. With no deadline set there is no timer.
 */

const TICK_MS = 10;

/** The time and timers a {@link TimerWheel} runs on. Tests pass their own. */
export interface Clock {
  /** Milliseconds that never jump back. */
  now(): number;
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(timer: unknown): void;
}

const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, delayMs) => setTimeout(callback, delayMs),
  clearTimeout: (timer) => clearTimeout(timer as Timer),
};

export class TimerWheel {
  readonly clock: Clock;
  readonly #buckets = new Map<number, Set<Deadline>>();
  #timer: unknown;
  #timerBucket = Number.POSITIVE_INFINITY;

  constructor(clock: Clock = systemClock) {
    this.clock = clock;
  }

  /** A deadline that is not set yet; `onExpire` is called each time one that was set passes. */
  deadline(onExpire: () => void): Deadline {
    return new Deadline(this, onExpire);
  }

  /** Calls `callback` once, after `delayMs`. */
  after(delayMs: number, callback: () => void): Deadline {
    const deadline = new Deadline(this, callback);
    deadline.set(delayMs);
    return deadline;
  }

  /** Files a deadline under the bucket of its time. Only {@link Deadline} calls this. */
  file(deadline: Deadline): void {
    const bucket = bucketOf(deadline.atMs);
    deadline.bucket = bucket;
    const entries = this.#buckets.get(bucket);
    if (entries === undefined) this.#buckets.set(bucket, new Set([deadline]));
    else entries.add(deadline);
    if (bucket < this.#timerBucket) this.#arm(bucket);
  }

  /** Takes a deadline off the wheel. Only {@link Deadline} calls this. */
  unfile(deadline: Deadline): void {
    const entries = this.#buckets.get(deadline.bucket);
    if (entries !== undefined && entries.delete(deadline) && entries.size === 0) {
      this.#buckets.delete(deadline.bucket);
      if (this.#buckets.size === 0) this.#disarm();
    }
    deadline.bucket = Deadline.UNFILED;
  }

  #arm(bucket: number): void {
    this.#disarm();
    this.#timerBucket = bucket;
    const delayMs = Math.max(0, bucket * TICK_MS - this.clock.now());
    // A timer beyond 2^31 ms fires at once; waking early is harmless.
    this.#timer = this.clock.setTimeout(() => this.#turn(), Math.min(delayMs, 2 ** 31 - 1));
  }

  #disarm(): void {
    if (this.#timer !== undefined) this.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerBucket = Number.POSITIVE_INFINITY;
  }

  #turn(): void {
    this.#timer = undefined;
    this.#timerBucket = Number.POSITIVE_INFINITY;
    const now = this.clock.now();
    const nowBucket = Math.floor(now / TICK_MS);
    for (const [bucket, entries] of this.#buckets) {
      if (bucket > nowBucket) continue;
      this.#buckets.delete(bucket);
      for (const deadline of entries) {
        try {
          deadline.turned(now);
        } catch (thrown) {
          this.#report(thrown);
        }
      }
    }
    let next = Number.POSITIVE_INFINITY;
    for (const bucket of this.#buckets.keys()) if (bucket < next) next = bucket;
    if (next < this.#timerBucket) this.#arm(next);
  }

  /** Throws it where an error of any timer's callback would be: the other deadlines go on. */
  #report(thrown: unknown): void {
    this.clock.setTimeout(() => {
      throw thrown;
    }, 0);
  }
}

/** One deadline on a {@link TimerWheel}: set, moved and cleared at will. */
export class Deadline {
  static readonly UNFILED = -1;

  /** When it passes, on the wheel's clock; 0 when not set. */
  atMs = 0;
  /** The bucket it is filed under. Belongs to the wheel. */
  bucket = Deadline.UNFILED;
  readonly #wheel: TimerWheel;
  readonly #onExpire: () => void;

  constructor(wheel: TimerWheel, onExpire: () => void) {
    this.#wheel = wheel;
    this.#onExpire = onExpire;
  }

  get isSet(): boolean {
    return this.atMs !== 0;
  }

  /** Sets or moves it to `delayMs` from now. */
  set(delayMs: number): void {
    this.setAt(this.#wheel.clock.now() + delayMs);
  }

  /** Sets or moves it to a time on the wheel's clock, which may have passed: then it passes at once. */
  setAt(atMs: number): void {
    // By its bucket: a deadline that was cleared may still be filed under a later time.
    if (bucketOf(atMs) < this.bucket) this.#wheel.unfile(this);
    this.atMs = atMs;
    if (this.bucket === Deadline.UNFILED) this.#wheel.file(this);
  }

  /** Forgets it, cheaply: the entry stays on the wheel until its time, for the next `set`. */
  clear(): void {
    this.atMs = 0;
  }

  /** Forgets it for good: nothing of its owner is kept alive. */
  dispose(): void {
    this.atMs = 0;
    if (this.bucket !== Deadline.UNFILED) this.#wheel.unfile(this);
  }

  /** Its bucket's time has come: expire, or go back for the later time it was moved to. */
  turned(nowMs: number): void {
    this.bucket = Deadline.UNFILED;
    if (this.atMs === 0) return;
    if (this.atMs > nowMs) {
      this.#wheel.file(this);
      return;
    }
    this.atMs = 0;
    this.#onExpire();
  }
}

/** The first bucket that ends no earlier. */
function bucketOf(atMs: number): number {
  return Math.ceil(atMs / TICK_MS);
}
