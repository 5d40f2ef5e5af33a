/** A login to a block's server that all clients share: `clients.<group>.<block>.startupParams`. */
import { Hidden } from "../auth/index.ts";
import type { ServerCredential } from "../backend/index.ts";
import type { ClientConfig } from "../config/index.ts";

export interface FixedLogin {
  readonly user: string;
  readonly database: string;
  /** Settings of the session, to which a reset goes back. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** Undefined: the server asks for none. */
  readonly credential: ServerCredential | undefined;
}

/** What GatewayD said of itself; any of them may be given otherwise. */
const DEFAULTS = { application_name: "gatewayd", client_encoding: "UTF8" };

/** Undefined where the server is logged in to as each client's user. */
export function fixedLoginOf({ startupParams }: ClientConfig): FixedLogin | undefined {
  if (startupParams === undefined) return undefined;
  const { user, password, database, ...settings } = startupParams;
  return {
    user,
    database,
    parameters: Object.entries({ ...DEFAULTS, ...settings }),
    credential:
      password === undefined ? undefined : { kind: "password", password: new Hidden(password) },
  };
}
