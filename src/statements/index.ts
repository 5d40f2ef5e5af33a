/**
 * Which statements take most: counted by what tells them apart whatever their values, in a table that does not grow, and
 * shown as PostgreSQL's own grammar reads them. May import: errors, postgres, watch.
 */
export { NormalTexts } from "./normal-texts.ts";
export { Statements } from "./statements.ts";
export type { StatementFigures, StatementGrammar, StatementReport } from "./statements.ts";
