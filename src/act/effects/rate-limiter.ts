/** So many requests in so much time, for each of many keys. */

/** Keys that are remembered; beyond that the one that was quiet longest is forgotten. */
const MAX_KEYS = 10_000;
/** Of longer keys, which clients may make as long as their messages, only a hash is kept. */
const MAX_KEY_CHARACTERS = 128;

export interface RateLimiterOptions {
  /** As many at once, and as many again in each interval, evenly. */
  readonly requests: number;
  readonly intervalMs: number;
  /** Milliseconds of a clock that only goes forward. */
  readonly now: () => number;
}

type Key = string | number | bigint;

interface Bucket {
  left: number;
  atMs: number;
}

export class RateLimiter {
  readonly #options: RateLimiterOptions;
  /** The one that was used last is the last one. */
  readonly #buckets = new Map<Key, Bucket>();

  constructor(options: RateLimiterOptions) {
    this.#options = options;
  }

  /** Whether the one of this name may have one more now; if so, it is counted. */
  take(text: string): boolean {
    const key = text.length > MAX_KEY_CHARACTERS ? Bun.hash(text) : text;
    const bucket = this.#refilled(key);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > MAX_KEYS) this.#forgetOldest();
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }

  #refilled(key: Key): Bucket {
    const { requests, intervalMs, now } = this.#options;
    const atMs = now();
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return { left: requests, atMs };
    const gained = ((atMs - bucket.atMs) * requests) / intervalMs;
    bucket.left = Math.min(requests, bucket.left + gained);
    bucket.atMs = atMs;
    return bucket;
  }

  #forgetOldest(): void {
    for (const oldest of this.#buckets.keys()) {
      this.#buckets.delete(oldest);
      return;
    }
  }
}
