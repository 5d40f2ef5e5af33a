/**
 * What is measured: PostgreSQL itself, PgBouncer, gatewayd in its modes, and programs given on the command line. Each can be
 * started any number of times, and is gone when it is disposed of.
 * May import: the context, the programs of the machine, the shape of a load, the test kit.
 */
export { type AlsoEndpoint, alsoEndpoint, parseAlso } from "./also.ts";
export { direct } from "./direct.ts";
export type { AbsentEndpoint, Endpoint, EndpointKind, StartOptions } from "./endpoint.ts";
export { depth4, passthrough, session, tracedAt, transaction, uncounted } from "./gatewayd.ts";
export { pgbouncer } from "./pgbouncer.ts";
export { answering, withGoPlugin, withModule, withWorker } from "./with-plugin.ts";
