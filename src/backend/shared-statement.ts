/**
 * Prepared statements that sessions share: one on a server for each distinct text, whatever names the
 * clients gave it.
 *
 * Two statements are the same when the text, the parameter types, and the settings that the analysis
 * of the text reads are the same: with another DateStyle the same literal is another date, and it is
 * read when the statement is parsed, not when it is run.
 */
import { statementTraits } from "../postgres/index.ts";
import type { Settings, StatementTraits } from "../postgres/index.ts";

export class SharedStatement {
  /** A Parse from behind its name on: the text with its zero byte, and the parameter types. */
  readonly body: Uint8Array;
  /** The text, one byte a character. */
  readonly text: string;
  #sql: string | undefined;
  readonly traits: StatementTraits;
  /** In force when it was parsed first; undefined when that is not known for sure. */
  readonly settings: Settings | undefined;
  /**
   * Who had it parsed before that, as {@link StatementCatalog.now} counts, knows it with another result. Undefined
   * as long as no server has said that the result has changed.
   */
  changedAt: number | undefined;

  /** @param body one byte a character */
  constructor(body: string, settings: Settings | undefined) {
    this.body = Buffer.from(body, "latin1");
    this.text = body.slice(0, body.indexOf("\0"));
    this.traits = statementTraits(this.text);
    this.settings = settings;
  }

  /** The text in its own characters, of UTF-8: the same string each time. */
  get sql(): string {
    if (this.#sql !== undefined) return this.#sql;
    const sql = Buffer.from(this.text, "latin1").toString();
    // Most are the same in both, and need not be kept twice.
    return (this.#sql = sql === this.text ? this.text : sql);
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
  #parses = 0;
  /** How often a statement that was to run was on its backend already, and how often it had to be prepared first. */
  hits = 0;
  misses = 0;

  /** Counts up with each Parse of a client. */
  now(): number {
    return ++this.#parses;
  }

  /**
   * @param body of a Parse from behind the name on, one byte a character
   * @param settings that it is analysed under
   */
  find(body: string, settings: Settings): SharedStatement {
    const key = keyOf(body, settings);
    const known = this.#statements.get(key);
    if (known !== undefined) {
      this.#statements.delete(key);
      this.#statements.set(key, known);
      return known;
    }
    return this.#add(key, new SharedStatement(body, settings));
  }

  /**
   * What it means has changed: who comes with the same text from now on gets another one.
   * @returns that one
   */
  renew(statement: SharedStatement): SharedStatement {
    const body = Buffer.from(statement.body).toString("latin1");
    const { settings } = statement;
    const fresh = new SharedStatement(body, settings);
    if (settings === undefined) return fresh;
    const key = keyOf(body, settings);
    const known = this.#statements.get(key);
    if (known !== undefined && known !== statement) return known;
    if (this.#statements.delete(key)) this.#bytes -= key.length;
    return this.#add(key, fresh);
  }

  #add(key: string, statement: SharedStatement): SharedStatement {
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

function keyOf(body: string, { analysisKey }: Settings): string {
  return analysisKey === "" ? body : `${analysisKey}\0${body}`;
}
