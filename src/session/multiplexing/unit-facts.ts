/** How long the units of one statement take, and how much they answer: what sharing depends on. */

export interface UnitFacts {
  /** They may be shared now. To be asked for each of them. */
  readonly isShared: boolean;
  /** A moving average of the time they take at the head; 0 before the first. */
  readonly usualMs: number;
  /** One of them has answered more than is shared. */
  readonly isLarge: boolean;
  /** Another one has taken so long, and its answer had so many bytes. */
  answered(ms: number, bytes: number): void;
}

/** A statement whose answers get longer is not shared: its clients would hold others up. */
export const MAX_SHARED_ANSWER_BYTES = 64 * 1024;

/** Nobody waits for longer than that behind a unit that is slow this time. */
const SLOW_MS = 20;
const SLOW_FACTOR = 10;
/** What usually takes longer has a backend to itself. */
const MAX_USUAL_MS = SLOW_MS;
/** Others may be sent behind one of these. */
export function isQuick({ usualMs, isLarge }: UnitFacts): boolean {
  return !isLarge && usualMs <= MAX_USUAL_MS;
}

/** From when on one is slow this time; without facts, one that nobody waits for. */
export function slowAfterMs(facts: UnitFacts | undefined): number {
  return facts === undefined ? SLOW_MS : Math.max(SLOW_MS, facts.usualMs * SLOW_FACTOR);
}
