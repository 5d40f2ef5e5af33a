/**
 * Reads SQL by PostgreSQL's own grammar: what statements are made of, which relations they name, what they have in
 * common. Used by sharing, by rules and by plugins.
 * May import: postgres, errors, logging. Not pure: it loads the grammar.
 */
export { grammarCode, loadGrammar } from "./grammar.ts";
export type { Grammar, Parser } from "./grammar.ts";
export { fingerprint, loadSql, normalize, parseSql, tablesOf } from "./sql-helpers.ts";
export type { SqlNode, SqlTree } from "./sql-reader.ts";
