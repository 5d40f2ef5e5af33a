/**
 * Who asks: told by a token, by a certificate, or nobody in particular.
 * May import: commands (what a caller is).
 */
export { Gatekeeper } from "./gatekeeper.ts";
export type { Credentials, GatekeeperOptions, RoleName } from "./gatekeeper.ts";
