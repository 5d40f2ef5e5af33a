/**
 * WEIGHTED_ROUND_ROBIN: each block in proportion to its weight, evenly mixed.
 *
 * The smooth way: at each turn every block gains its weight in credit, the one with most credit is
 * chosen and pays the sum of all weights. Weights 5, 1, 1 give a a b a c a a. A block that is away
 * keeps its credit.
 */
import { RoundRobin } from "./round-robin.ts";
import type { BlockView, Strategy } from "./strategy.ts";

/** The share of one block. */
export interface WeightedBlock {
  readonly proxyName: string;
  /** Above 0. */
  readonly weight: number;
}

export class WeightedRoundRobin implements Strategy {
  readonly #shares: readonly { readonly name: string; readonly weight: number; credit: number }[];
  /** For when none of the blocks with a share can be used: better any other than none. */
  readonly #fallback = new RoundRobin();

  /** @param distribution blocks that are not in it are used only while none of those in it can be */
  constructor(distribution: readonly WeightedBlock[]) {
    this.#shares = distribution.map(({ proxyName, weight }) => {
      // Names of blocks are keys, which are read in lower case; this one is a value.
      return { name: proxyName.toLowerCase(), weight, credit: 0 };
    });
  }

  pick<B extends BlockView>(candidates: readonly B[]): B {
    let best: { readonly block: B; readonly share: { credit: number } } | undefined;
    let weightSum = 0;
    for (const share of this.#shares) {
      const block = candidates.find(({ name }) => name === share.name);
      if (block === undefined) continue;
      share.credit += share.weight;
      weightSum += share.weight;
      if (best === undefined || share.credit > best.share.credit) best = { block, share };
    }
    if (best === undefined) return this.#fallback.pick(candidates);
    best.share.credit -= weightSum;
    return best.block;
  }
}
