/**
 * Decides which statements may be shared: sent to a server that has not answered another client's yet, and sent
 * again to another one. They must be free of effects, which the text, read by PostgreSQL's grammar, and the
 * database's catalogue tell together.
 * May import: errors, logging, net (the clock), sql.
 */
export { REVIEWED_FUNCTIONS } from "./reviewed-functions.ts";
export { SharedText } from "./shared-text.ts";
export { Sharing } from "./sharing.ts";
export type { SharingOptions } from "./sharing.ts";
export type { AskCatalogue, CatalogueAnswer, SharingScope } from "./sharing-scope.ts";
