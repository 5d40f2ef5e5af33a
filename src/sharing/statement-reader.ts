/** Reads statements by the grammar, which it has loaded when there is something to read. */
import type { Clock } from "../net/index.ts";
import type { Parser } from "../sql/index.ts";
import { statementNeeds } from "./statement-needs.ts";
import type { StatementNeeds } from "./collected-needs.ts";

/** Reading takes 1/(1 + this) of the time at most, so that texts made to be slow hold up nobody for long. */
const REST = 9;

export class StatementReader {
  readonly #clock: Clock;
  readonly #load: () => Promise<Parser>;
  #grammar: Promise<Parser> | undefined;
  #restsUntilMs = 0;

  constructor(clock: Clock, load: () => Promise<Parser>) {
    this.#clock = clock;
    this.#load = load;
  }

  /**
   * @returns what the statement is made of, or the reason in words why it is never shared; undefined when there is
   *   no time for it now
   * @throws when the grammar cannot be loaded, or has failed at this statement
   */
  async read(sql: string): Promise<StatementNeeds | string | undefined> {
    this.#grammar ??= this.#load();
    let tree: unknown;
    try {
      const grammar = await this.#grammar;
      const beginMs = this.#clock.now();
      if (beginMs < this.#restsUntilMs) return undefined;
      tree = grammar.parse(sql);
      const endMs = this.#clock.now();
      this.#restsUntilMs = endMs + REST * (endMs - beginMs);
    } catch (thrown) {
      this.#grammar = undefined;
      throw thrown;
    }
    return tree === undefined ? "not understood" : statementNeeds(tree);
  }
}
