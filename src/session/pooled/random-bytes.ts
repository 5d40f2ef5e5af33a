import { randomFillSync } from "node:crypto";

const BLOCK_BYTES = 4_096;

/** Random bytes for secrets, of which the system is asked for many at once: each question takes longer than a copy. */
export class RandomBytes {
  #block = Buffer.alloc(0);
  #at = 0;

  /** @param count up to 4,096; none is given out twice */
  take(count: number): Uint8Array {
    if (this.#at + count > this.#block.length) {
      this.#block = randomFillSync(Buffer.allocUnsafe(BLOCK_BYTES));
      this.#at = 0;
    }
    this.#at += count;
    return this.#block.subarray(this.#at - count, this.#at);
  }
}
