/**
 * Texts of statements without their values, for whoever wants them amid traffic: PostgreSQL's grammar takes 100 us and
 * more to make one, and texts that differ in nothing but values have the same. So they are known by their shapes.
 */
import { shapeOf } from "./statement-shape.ts";

/** Shapes that are remembered; those that came first are forgotten first. */
const MAX_KNOWN = 1_000;
/** Longer texts are seldom, and would take room. */
const MAX_KNOWN_LENGTH = 4 * 1024;

/** A number of the grammar's that is no parameter: `ORDER BY 2`, `SET a = 5`. Its shape says nothing of it. */
const NUMBER = /(?<![\w$"])\d/;

export class NormalTexts {
  readonly #normalize: (sql: string) => string | undefined;
  readonly #known = new Map<number, string>();

  /** @param normalize by the grammar; undefined for what it does not understand */
  constructor(normalize: (sql: string) => string | undefined) {
    this.#normalize = normalize;
  }

  /** As the grammar has it, but for lists of values, which may be those of a text that came before. */
  of(sql: string): string | undefined {
    if (sql.length > MAX_KNOWN_LENGTH) return this.#normalize(sql);
    const bytes = Buffer.from(sql);
    const shape = shapeOf(bytes, 0, bytes.length);
    const known = this.#known.get(shape);
    if (known !== undefined) return known;
    const text = this.#normalize(sql);
    if (text !== undefined && !NUMBER.test(text)) this.#keep(shape, text);
    return text;
  }

  #keep(shape: number, text: string): void {
    if (this.#known.size >= MAX_KNOWN) {
      for (const [first] of this.#known) {
        this.#known.delete(first);
        break;
      }
    }
    this.#known.set(shape, text);
  }
}
