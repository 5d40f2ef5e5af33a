/**
 * Slows down who guesses passwords: after some failures the answers to a client's address and user come
 * later and later, whether the password is right or not. Keeps no timers; the times are passed in.
 */
import { parseAddress } from "./rules/index.ts";

export interface LoginThrottleOptions {
  /** Failures without consequence. Default 5: an application with an old password tries a few times. */
  readonly freeFailures?: number;
  /** Delay of the first attempt after those; doubled with each further failure. Default 250 ms. */
  readonly firstDelayMs?: number;
  /** Default 10 s: below the patience of those who own the right password. */
  readonly maxDelayMs?: number;
  /** Failures are forgotten so long after the last. Default 10 min. */
  readonly forgetAfterMs?: number;
  /** Pairs remembered; beyond, the one whose last failure is oldest is forgotten. Default 10,000. */
  readonly maxPairs?: number;
}

/**
 * A failure is told no sooner than this after the client's last message, so that the time does not show
 * what was checked: an unknown user takes less work than a password that is derived for the first time.
 */
const MIN_FAILURE_MS = 20;

/** All of a network that one household or machine owns counts as one address. */
const IPV6_NETWORK_BYTES = 8;

/** PostgreSQL's names are no longer; a startup packet could hold one of 10,000 bytes. */
const MAX_NAME_LENGTH = 63;

interface Failures {
  readonly count: number;
  readonly lastMs: number;
}

export class LoginThrottle {
  readonly #options: Required<LoginThrottleOptions>;
  /** By address and user, the oldest last failure first. */
  readonly #pairs = new Map<string, Failures>();

  constructor(options: LoginThrottleOptions = {}) {
    this.#options = {
      freeFailures: 5,
      firstDelayMs: 250,
      maxDelayMs: 10_000,
      forgetAfterMs: 600_000,
      maxPairs: 10_000,
      ...options,
    };
  }

  /**
   * How long to hold back the answer to an attempt, counted from the client's last message. Known before
   * the answer is, and the same for success: else a guesser would only wait for the quick ones.
   * @param host the IP address, without a port; undefined over a unix socket
   */
  delayMs(host: string | undefined, user: string, nowMs: number): number {
    const { freeFailures, firstDelayMs, maxDelayMs } = this.#options;
    const excess = this.#failures(keyOf(host, user), nowMs) - freeFailures;
    return excess < 0 ? 0 : Math.min(firstDelayMs * 2 ** excess, maxDelayMs);
  }

  /** Counts a failure and answers how long to hold it back, from the client's last message. */
  failed(host: string | undefined, user: string, nowMs: number): number {
    const delayMs = Math.max(this.delayMs(host, user, nowMs), MIN_FAILURE_MS);
    const key = keyOf(host, user);
    const count = this.#failures(key, nowMs) + 1;
    this.#pairs.delete(key);
    this.#pairs.set(key, { count, lastMs: nowMs });
    this.#forgetOldest(nowMs);
    return delayMs;
  }

  /** Forgets the failures: the client knows the password. */
  succeeded(host: string | undefined, user: string): void {
    this.#pairs.delete(keyOf(host, user));
  }

  /** Pairs that are remembered. */
  get size(): number {
    return this.#pairs.size;
  }

  #failures(key: string, nowMs: number): number {
    const failures = this.#pairs.get(key);
    if (failures === undefined || this.#isOver(failures, nowMs)) return 0;
    return failures.count;
  }

  #isOver({ lastMs }: Failures, nowMs: number): boolean {
    return nowMs - lastMs >= this.#options.forgetAfterMs;
  }

  #forgetOldest(nowMs: number): void {
    for (const [key, failures] of this.#pairs) {
      if (this.#pairs.size <= this.#options.maxPairs && !this.#isOver(failures, nowMs)) return;
      this.#pairs.delete(key);
    }
  }
}

function keyOf(host: string | undefined, user: string): string {
  return `${host === undefined ? "" : originOf(host)} ${user.slice(0, MAX_NAME_LENGTH)}`;
}

/** An IPv4 address, the network of an IPv6 address, or the text if it is neither. */
function originOf(host: string): string {
  const address = parseAddress(host);
  if (address === undefined) return host;
  const bytes = address.length === 4 ? address : address.subarray(0, IPV6_NETWORK_BYTES);
  return bytes.join(".");
}
