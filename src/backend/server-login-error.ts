/** Why a server did not let us in, or why we did not trust it. */
import { GatewayError } from "../errors.ts";
import type { Notice } from "../postgres/index.ts";

/** What the server itself said against a login. */
export interface ServerRefusal {
  /** Its ErrorResponse as it came, for a client to be shown. */
  readonly response: Uint8Array;
  readonly notice: Notice;
}

/** `too_many_connections` and `cannot_connect_now`: another time it would let us in. */
const BUSY_SQL_STATES: ReadonlySet<string> = new Set(["53300", "57P03"]);

/**
 * A login that came to nothing although the server could be reached: ERR_SERVER_BUSY when the server takes
 * nobody at the moment (it is full, starting or stopping), else ERR_SERVER_LOGIN. No secret is part of it.
 */
export class ServerLoginError extends GatewayError {
  /** Undefined when it was us who gave up: the server asked for what we have not got, or made no sense. */
  readonly refusal: ServerRefusal | undefined;

  constructor(message: string, refusal?: ServerRefusal, options?: ErrorOptions) {
    const isBusy = BUSY_SQL_STATES.has(refusal?.notice.code ?? "");
    super(isBusy ? "ERR_SERVER_BUSY" : "ERR_SERVER_LOGIN", message, options);
    this.refusal = refusal;
  }
}
