/**
 * What is measured: PostgreSQL itself, PgBouncer, gatewayd, and programs given on the command line. Each can be
 * started any number of times, and is gone when it is disposed of.
 * May import: the context, the programs of the machine, the test kit.
 */
export { type AlsoEndpoint, alsoEndpoint, parseAlso } from "./also.ts";
export { direct } from "./direct.ts";
export type { Endpoint, EndpointKind, StartOptions } from "./endpoint.ts";
export { gatewayd } from "./gatewayd.ts";
export { pgbouncer } from "./pgbouncer.ts";
