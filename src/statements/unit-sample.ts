/**
 * Which of many units have their statements looked at: of each second the first all, so that whoever asks little is
 * counted exactly, then by chance one in so many, which counts for that many. What is counted by these weights is right
 * on average, with as little scatter as counts of thousands have.
 */

/** Looking at each of so many is not felt, though code that runs so seldom takes several times as long. */
const EXACT_PER_SECOND = 100;
const ONE_IN = 64;
const SECOND_MS = 1_000;

export class UnitSample {
  readonly #random: () => number;
  #secondEndsMs = 0;
  #exactLeft = 0;

  /** @param random from 0 to less than 1 */
  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * @param nowMs never less than before by more than a moment
   * @returns how many units this one counts for; 0: it is not looked at
   */
  weightAt(nowMs: number): number {
    if (nowMs >= this.#secondEndsMs) {
      this.#secondEndsMs = nowMs + SECOND_MS;
      this.#exactLeft = EXACT_PER_SECOND;
    }
    if (this.#exactLeft > 0) {
      this.#exactLeft--;
      return 1;
    }
    return this.#random() * ONE_IN < 1 ? ONE_IN : 0;
  }
}
