/** Calls under way have so long to end when a door closes. */
export const CALLS_END_MS = 1_000;
