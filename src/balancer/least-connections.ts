/** LEAST_CONNECTIONS: the block with the fewest clients; those with equally few take turns. */
import { RoundRobin } from "./round-robin.ts";
import type { BlockView, Strategy } from "./strategy.ts";

export class LeastConnections implements Strategy {
  readonly #turns = new RoundRobin();

  pick<B extends BlockView>(candidates: readonly B[]): B {
    const fewest = Math.min(...candidates.map(({ leasedCount }) => leasedCount));
    return this.#turns.pick(candidates.filter(({ leasedCount }) => leasedCount === fewest));
  }
}
