import { SqlReader } from "./sql-reader.ts";
import type { SqlTree } from "./sql-reader.ts";

/** One for all plugins and rules of this process. */
const reader = new SqlReader();

/**
 * Makes the functions about SQL ready: about 100 ms and 20 MB, once. The gateway has done it before it loads a
 * module; a program of its own, a test say, does it first.
 */
export function loadSql(): Promise<void> {
  return reader.load();
}

/**
 * The tree of the statements, as PostgreSQL's own grammar makes it. Strings are read as with
 * `standard_conforming_strings = on`; what a session means that has turned it off may be something else.
 *
 * Whatever reads SQL holds up everything else meanwhile: about 1 us for each word. Therefore a text of more than 30,000
 * words (any number, string or other sign is one) or of more than 1 MiB is not read: about 30 ms at most.
 *
 * @returns undefined when PostgreSQL 18 would not understand the text, or when it is that long or nested too deeply to
 *   be read here. Never throws.
 */
export function parseSql(sql: string): SqlTree | undefined {
  return reader.parse(sql);
}

/**
 * The tables, views and other relations that the statements name, wherever they do: in joins, subqueries, CTEs, as
 * the target or the source of INSERT, UPDATE, DELETE, MERGE and COPY, in DDL. Each once, in the order of the text, as
 * `name` or `schema.name`; a part with a dot or a double quote in it is quoted. Names that WITH gives are left out.
 *
 * What a view, a function or a trigger uses behind the text is not seen, nor what DO and EXECUTE run; and strings are
 * read as {@link parseSql} says.
 *
 * @returns undefined when nothing is known of the text, as with {@link parseSql}: a plugin that forbids tables
 *   forbids such a text too. Never throws.
 */
export function tablesOf(sql: string): readonly string[] | undefined {
  return reader.tables(sql);
}

/**
 * 16 hexadecimal digits that texts have in common which differ in constants, parameters, white space and comments
 * only; lists of different lengths, `IN (1, 2)` and `IN (1)`, count as the same.
 *
 * @returns undefined as with {@link parseSql}. Never throws.
 */
export function fingerprint(sql: string): string | undefined {
  return reader.fingerprint(sql);
}

/**
 * The text with `$1`, `$2`, ... in the place of its constants, and without comments: fit for a log, because no string
 * is left in it. Numbers are left where they tell what the statement is: in types, in `GROUP BY 1`, in statements
 * other than SELECT, INSERT, UPDATE, DELETE and MERGE.
 *
 * @returns undefined as with {@link parseSql}. Never throws.
 */
export function normalize(sql: string): string | undefined {
  return reader.normalize(sql);
}
