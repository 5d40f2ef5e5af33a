/** How long to wait between attempts. Pure. */

/** Keys `backoff`, `backoffMultiplier` and `disableBackoffCaps` of a block's client. */
export interface BackoffOptions {
  readonly backoffMs: number;
  /** Fractions count: 1.5 means half as long again each time. */
  readonly multiplier: number;
  /** Without caps the multiplier may exceed 10 and the wait a minute. */
  readonly disableCaps: boolean;
}

const MAX_MULTIPLIER = 10;
const MAX_WAIT_MS = 60_000;

/** The wait after failed attempt number `attempt`, counted from 0: `backoff * multiplier^attempt`. */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const { disableCaps } = options;
  const multiplier = disableCaps
    ? options.multiplier
    : Math.min(options.multiplier, MAX_MULTIPLIER);
  const waitMs = options.backoffMs * multiplier ** attempt;
  return disableCaps ? waitMs : Math.min(waitMs, MAX_WAIT_MS);
}
