/**
 * How old verdicts are, in minutes that only pass while something is found out: when nothing is, there is no timer.
 */
import type { Clock } from "../net/index.ts";

const MINUTE_MS = 60_000;
/** A verdict that is renewed meanwhile counts for so long. */
const MAX_AGE_MS = 2 * MINUTE_MS;

export class VerdictClock {
  readonly #clock: Clock;
  #timer: unknown;
  #isClosed = false;
  /** The number of this minute. */
  minute = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** There is a verdict to be renewed when the minute is over. @returns the time */
  start(): number {
    if (this.#timer === undefined && !this.#isClosed) {
      this.#timer = this.#clock.setTimeout(() => {
        this.#timer = undefined;
        this.minute++;
      }, MINUTE_MS);
    }
    return this.#clock.now();
  }

  isTooOld(sinceMs: number): boolean {
    return this.#clock.now() - sinceMs > MAX_AGE_MS;
  }

  close(): void {
    this.#isClosed = true;
    this.#clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
