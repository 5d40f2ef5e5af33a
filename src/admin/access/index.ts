/**
 * Who asks: told by a token, by a certificate, or nobody in particular.
 * May import: errors, logging.
 */
export { ROLES } from "./caller.ts";
export type { Caller, Role } from "./caller.ts";
export { Gatekeeper } from "./gatekeeper.ts";
export type { Credentials, GatekeeperOptions } from "./gatekeeper.ts";
export { StrangerLog } from "./stranger-log.ts";
