/**
 * ROUND_ROBIN: the block whose turn is longest ago, the first in the file among equals.
 *
 * As long as the candidates stay the same, that is the order of the file over and over. A block that
 * comes back has its turn next, once, and falls in line. Begins with the second block, as the
 * original does.
 */
import { firstOf } from "./strategy.ts";
import type { BlockView, Strategy } from "./strategy.ts";

export class RoundRobin implements Strategy {
  /** When each block had its turn, counted in turns. */
  readonly #lastTurns = new Map<string, number>();
  #turn = 0;

  pick<B extends BlockView>(candidates: readonly B[]): B {
    let best = firstOf(candidates);
    if (this.#turn === 0) this.#takeTurn(best);
    for (const candidate of candidates) {
      if (this.#lastTurn(candidate) < this.#lastTurn(best)) best = candidate;
    }
    this.#takeTurn(best);
    return best;
  }

  #lastTurn({ name }: BlockView): number {
    return this.#lastTurns.get(name) ?? 0;
  }

  #takeTurn({ name }: BlockView): void {
    this.#turn += 1;
    this.#lastTurns.set(name, this.#turn);
  }
}
