/** What a module has when it is told to stop, in a worker as beside everything else. */

/** Time for the answers of calls under way, those aside that nobody waits for any more. */
export const CALLS_GRACE_MS = 5_000;
/** Time after that to close what it has opened. */
export const STOP_GRACE_MS = 1_000;
