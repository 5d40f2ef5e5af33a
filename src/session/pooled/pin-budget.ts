/** How many sessions of a block may keep a server connection because of what they have on it. */

/** One for each block; what it counts is for people to see. */
export class PinBudget {
  #max: number;
  /** Sessions that are pinned now. */
  pinned = 0;
  /** How often sessions were pinned, and how often they were not allowed to be. */
  pins = 0;
  refusals = 0;

  /** @param max more are refused: without any connection left to share nobody else is served */
  constructor(max: number) {
    this.#max = max;
  }

  /** Who is pinned stays so. */
  limit(max: number): void {
    this.#max = max;
  }

  get hasRoom(): boolean {
    return this.pinned < this.#max;
  }

  enter(): void {
    this.pinned++;
    this.pins++;
  }

  leave(): void {
    this.pinned--;
  }

  refuse(): void {
    this.refusals++;
  }
}
