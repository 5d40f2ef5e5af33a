/**
 * Prepared statements that sessions share: one on a server for each distinct text, whatever names the
 * clients gave it.
 *
 * Two statements are the same when the text, the parameter types, and the settings that the analysis
 * of the text reads are the same: with another DateStyle the same literal is another date, and it is
 * read when the statement is parsed, not when it is run.
 */
import { statementTraits } from "../postgres/index.ts";
import type { StatementTraits } from "../postgres/index.ts";

export class SharedStatement {
  /** A Parse from behind its name on: the text with its zero byte, and the parameter types. */
  readonly body: Uint8Array;
  readonly traits: StatementTraits;

  /** @param body one byte a character */
  constructor(body: string) {
    this.body = Buffer.from(body, "latin1");
    this.traits = statementTraits(body.slice(0, body.indexOf("\0")));
  }
}

/** So many statements, and so many bytes of them, are known to be the same when they come again. */
const MAX_STATEMENTS = 10_000;
const MAX_BYTES = 32 * 1024 * 1024;

/**
 * The statements of one block. One that has been forgotten here lives on where it is used; who comes
 * with the same text later gets another one.
 */
export class StatementCatalog {
  /** Least lately asked for first. */
  readonly #statements = new Map<string, SharedStatement>();
  #bytes = 0;

  /**
   * @param body of a Parse from behind the name on, one byte a character
   * @param settingsKey of the settings that it is analysed under
   */
  find(body: string, settingsKey: string): SharedStatement {
    const key = settingsKey === "" ? body : `${settingsKey}\0${body}`;
    const known = this.#statements.get(key);
    if (known !== undefined) {
      this.#statements.delete(key);
      this.#statements.set(key, known);
      return known;
    }
    const statement = new SharedStatement(body);
    this.#statements.set(key, statement);
    this.#bytes += key.length;
    while (this.#statements.size > MAX_STATEMENTS || this.#bytes > MAX_BYTES) this.#forgetOldest();
    return statement;
  }

  #forgetOldest(): void {
    const [key = ""] = this.#statements.keys();
    this.#statements.delete(key);
    this.#bytes -= key.length;
  }
}
