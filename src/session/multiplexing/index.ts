/**
 * Several sessions on one backend at once: which units may take part, and whose answer comes.
 * May import: the rest of session, errors, logging, net, postgres, backend, pool, sharing.
 */
export { createMultiplexing, scopesOf } from "./create-multiplexing.ts";
export type { Convoy } from "./convoy.ts";
export type { ConvoyLine } from "./convoy-line.ts";
export { Multiplexing } from "./multiplexing.ts";
export type { StatementScope } from "./multiplexing.ts";
export { isDefining } from "./defining-command.ts";
export type { Rider } from "./rider.ts";
export type { UnitFacts } from "./unit-facts.ts";
export { UnitPass } from "./unit-pass.ts";
