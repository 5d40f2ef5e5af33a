/**
 * The instruments: pgbench, a streaming client, what /proc says about a process, and the statistics.
 * May import: the programs of the machine, the test kit.
 */
export { describeMachine } from "./machine.ts";
export { copyDataChunk, PgStream } from "./pg-stream.ts";
export { type Percentiles, percentilesOf } from "./percentiles.ts";
export { type PgbenchLoad, type PgbenchResult, runPgbench } from "./pgbench.ts";
export { descriptorLimit, peakResidentMiB, settle } from "./processes.ts";
export { median, pairSpread, ratioByParts } from "./statistics.ts";
