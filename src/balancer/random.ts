/** RANDOM: each block with the same chance, whatever was chosen before. */
import { firstOf } from "./strategy.ts";
import type { BlockView, Strategy } from "./strategy.ts";

export class Random implements Strategy {
  readonly #random: () => number;

  /** @param random answers numbers from 0 up to but not including 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  pick<B extends BlockView>(candidates: readonly B[]): B {
    return candidates[Math.floor(this.#random() * candidates.length)] ?? firstOf(candidates);
  }
}
