/** Counts what happens seldom, by one or two names. */
export class Tally {
  readonly #maxNames: number;
  readonly #counts = new Map<string, number>();

  /** @param maxNames what comes beyond is counted as {@link OTHER}: who chooses the names may choose many */
  constructor(maxNames = Number.POSITIVE_INFINITY) {
    this.#maxNames = maxNames;
  }

  add(name: string): void {
    const count = this.#counts.get(name);
    if (count !== undefined) this.#counts.set(name, count + 1);
    else if (this.#counts.size < this.#maxNames) this.#counts.set(name, 1);
    else this.#counts.set(OTHER, (this.#counts.get(OTHER) ?? 0) + 1);
  }

  get total(): number {
    let total = 0;
    for (const count of this.#counts.values()) total += count;
    return total;
  }

  entries(): Iterable<readonly [name: string, count: number]> {
    return this.#counts;
  }
}

const OTHER = "other";
