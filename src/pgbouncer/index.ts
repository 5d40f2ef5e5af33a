/**
 * PgBouncer's configuration, and what it is in ours: texts in, a gatewayd.yaml and notes on what did not map out.
 * Files are read through a function that is passed in.
 * May import: auth, for userlist.txt.
 */
export { importPgbouncer } from "./import-pgbouncer.ts";
export type { ImportNote } from "./ini-file.ts";
