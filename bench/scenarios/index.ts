/**
 * What is measured: loads of pgbench, COPY, clients that only wait, a reader that stands still.
 * May import: the context, the database, the endpoints, the instruments.
 */
export { measureCopies } from "./copy.ts";
export type { Entry, Field } from "./entry.ts";
export { measureIdle } from "./idle.ts";
export { measureLoads } from "./load.ts";
export { measureStalls } from "./stall.ts";
