/** Lets a limited number in at once; the others wait in line, each for a limited time. */
import type { TimerWheel } from "../net/index.ts";

export class Turnstile {
  readonly #waitMs: number;
  #places: number;
  /** Those in line, oldest first: call to let in. */
  readonly #line = new Set<() => void>();

  /** @param waitMs how long to wait in line at most */
  constructor(places: number, waitMs: number) {
    this.#places = places;
    this.#waitMs = waitMs;
  }

  /** Resolves to whether there was a place in time; whoever got one has to `leave`. */
  async enter(timers: TimerWheel): Promise<boolean> {
    if (this.#places > 0) {
      this.#places--;
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const letIn = (): void => {
      limit.dispose();
      resolve(true);
    };
    const limit = timers.after(this.#waitMs, () => {
      this.#line.delete(letIn);
      resolve(false);
    });
    this.#line.add(letIn);
    return promise;
  }

  /** Gives the place to the next in line. */
  leave(): void {
    const [next] = this.#line;
    if (next === undefined) {
      this.#places++;
      return;
    }
    this.#line.delete(next);
    next();
  }
}
