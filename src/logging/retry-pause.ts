/** How long to wait before a place that failed is tried again: longer each time. */

const FIRST_MS = 250;
const LONGEST_MS = 30_000;

export class RetryPause {
  #nextMs = FIRST_MS;

  next(): number {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(ms * 2, LONGEST_MS);
    return ms;
  }

  reset(): void {
    this.#nextMs = FIRST_MS;
  }
}
