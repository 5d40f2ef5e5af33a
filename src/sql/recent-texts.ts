/**
 * What was found out about the texts that were asked for last. Holds between one and two times `size` of them:
 * a full young half becomes the old one, whose texts are forgotten unless they are asked for again.
 */
export class RecentTexts<Facts extends object> {
  readonly #size: number;
  readonly #create: () => Facts;
  #young = new Map<string, Facts>();
  #old = new Map<string, Facts>();

  /** @param create makes what is known of a text that nobody has asked for lately */
  constructor(size: number, create: () => Facts) {
    this.#size = size;
    this.#create = create;
  }

  /** Always the same object for a text, as long as it is not forgotten. */
  factsOf(text: string): Facts {
    const young = this.#young.get(text);
    if (young !== undefined) return young;
    const facts = this.#old.get(text) ?? this.#create();
    if (this.#young.size >= this.#size) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(text, facts);
    return facts;
  }
}
