import { hasMoreWords } from "../postgres/index.ts";
import { loadGrammar } from "./grammar.ts";
import type { Grammar } from "./grammar.ts";
import { RecentTexts } from "./recent-texts.ts";
import { tablesIn } from "./tables-in.ts";

/** A node of the tree: `{ "<kind>": { ...fields } }`, or the fields alone where only one kind can be. */
export type SqlNode = Readonly<Record<string, unknown>>;

/** The statements of a text as libpg-query gives them, with PostgreSQL's own names (parsenodes.h). */
export interface SqlTree {
  /** Of the grammar: `180004`. */
  readonly version: number;
  /** Where a statement is in the text, is counted in bytes of UTF-8. */
  readonly stmts: readonly {
    readonly stmt: SqlNode;
    readonly stmt_location?: number;
    readonly stmt_len?: number;
  }[];
}

/**
 * Longer texts, and those of more words, are not read: nothing else happens meanwhile. It takes about 1 us and 1 KB for
 * each word, and 15 us for each KiB that is inside of strings.
 */
export const MAX_SQL_LENGTH = 1024 * 1024;
export const MAX_SQL_WORDS = 30_000;

/** What is known of texts up to this length is kept, of so many texts. */
const MAX_KEPT_LENGTH = 8 * 1024;
const KEPT_TEXTS = 500;

/** Each key is there when it has been found out. */
interface Facts {
  normal?: string | undefined;
  fingerprint?: string | undefined;
  tables?: readonly string[] | undefined;
}

/**
 * Reads texts at once, after {@link load}; before that its methods throw. They never throw for a text: undefined
 * is the answer for one that PostgreSQL 18 would not understand, that is too long or nested too deeply to be read,
 * and for all texts in the moment after such a one, in which the grammar is made anew.
 */
export class SqlReader {
  readonly #load: () => Promise<Grammar>;
  readonly #recent = new RecentTexts<Facts>(KEPT_TEXTS, () => ({}));
  #loading: Promise<void> | undefined;
  #grammar: Grammar | undefined;
  #wasLoaded = false;

  /** @param load for tests; default: the grammar of {@link loadGrammar} */
  constructor(load: () => Promise<Grammar> = loadGrammar) {
    this.#load = load;
  }

  /** Loads the grammar unless it is there. @throws when that is not possible; the next call tries again */
  load(): Promise<void> {
    this.#loading ??= this.#load().then(
      (grammar) => {
        this.#grammar = grammar;
        this.#wasLoaded = true;
      },
      (error: unknown) => {
        this.#loading = undefined;
        throw error;
      },
    );
    return this.#loading;
  }

  parse(sql: string): SqlTree | undefined {
    // The shape is what libpg-query promises.
    return this.#read(sql, (grammar) => grammar.parse(sql) as SqlTree | undefined);
  }

  normalize(sql: string): string | undefined {
    return this.#read(sql, (grammar) => {
      const facts = this.#factsOf(sql);
      if (!("normal" in facts)) facts.normal = grammar.normalize(sql);
      return facts.normal;
    });
  }

  fingerprint(sql: string): string | undefined {
    return this.#read(sql, (grammar) => {
      const facts = this.#factsOf(sql);
      if (!("fingerprint" in facts)) facts.fingerprint = grammar.fingerprint(sql);
      return facts.fingerprint;
    });
  }

  tables(sql: string): readonly string[] | undefined {
    return this.#read(sql, () => {
      const facts = this.#factsOf(sql);
      if (!("tables" in facts)) {
        const tree = this.parse(sql);
        facts.tables = tree === undefined ? undefined : tablesIn(tree);
      }
      return facts.tables;
    });
  }

  #factsOf(sql: string): Facts {
    return sql.length > MAX_KEPT_LENGTH ? {} : this.#recent.factsOf(sql);
  }

  #read<T>(sql: string, read: (grammar: Grammar) => T | undefined): T | undefined {
    if (!this.#wasLoaded) throw new Error("SQL can be read after `await loadSql()` only");
    if (this.#grammar === undefined) this.#loadAgain();
    else if (sql.length <= MAX_SQL_LENGTH && !hasMoreWords(sql, MAX_SQL_WORDS)) {
      try {
        return read(this.#grammar);
      } catch {
        // The stack was too small for this text, or the memory. That is what the caller gets to know; the grammar
        // is in no state to go on.
        this.#grammar = undefined;
        this.#loading = undefined;
        this.#loadAgain();
      }
    }
    return undefined;
  }

  #loadAgain(): void {
    // Where it fails, the next text that is to be read tries again.
    this.load().catch(() => undefined);
  }
}
