/**
 * What is measured: loads of pgbench, COPY, clients that only wait, a reader that stands still, calls of plugins.
 * May import: the context, the database, the endpoints, the instruments,
 * the plugins of src and of the tests.
 */
export { measureCalls } from "./calls.ts";
export { measureCopies } from "./copy.ts";
export type { Entry, Field } from "./entry.ts";
export { measureIdle } from "./idle.ts";
export { measureLoads, type PlannedLoad } from "./load.ts";
export { labelOf } from "./load-label.ts";
export { measureStalls } from "./stall.ts";
