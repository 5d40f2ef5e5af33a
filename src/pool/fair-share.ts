/**
 * Who gets room when pairs compete for it. Pure.
 *
 * A freed backend goes to its own pair, unless another pair is below its fair share and has waited
 * too long: then one is replaced. Where a pair's share is no whole number, the odd backend goes
 * round, slowly, since every move costs the server a login.
 */

/** A pair below its fair share is patient for so long. */
export const PATIENCE_MS = 100;
/** What it takes to close a backend and to log another in: 5 to 8 ms. */
export const REPLACEMENT_MS = 8;
/** What a pair got for the sake of fairness is not taken back at once: fewer than 5 moves a second. */
export const TENURE_MS = 250;

/** How a pair stands in the competition. */
export interface Standing {
  /** Its backends, with those on the way to it. */
  readonly held: number;
  /** Waiters for whom no backend is on the way. */
  readonly uncovered: number;
  /** When its oldest waiter asked; Infinity without one. */
  readonly oldestSinceMs: number;
  /** When it last got room for the sake of fairness. */
  readonly gainedAtMs: number;
}

/** The pair that gets the next free place: the one with least, among equals the one that waits longest. */
export function neediestOf<S extends Standing>(waiting: Iterable<S>): S | undefined {
  let neediest: S | undefined;
  for (const each of waiting) {
    if (each.uncovered > 0 && (neediest === undefined || isNeedier(each, neediest))) {
      neediest = each;
    }
  }
  return neediest;
}

/**
 * The pair that may ask others to give way: below its fair share for too long.
 * @param waiting the pairs with waiters
 * @param size of the pool, which they share alike
 */
export function claimantOf<S extends Standing>(
  waiting: ReadonlySet<S>,
  size: number,
  nowMs: number,
): S | undefined {
  const share = size / waiting.size;
  let claimant: S | undefined;
  for (const each of waiting) {
    if (each.uncovered === 0 || each.held >= share) continue;
    if (nowMs - each.oldestSinceMs <= PATIENCE_MS) continue;
    if (claimant === undefined || isNeedier(each, claimant)) claimant = each;
  }
  return claimant;
}

/** Whether a backend that the owner could use itself goes to the claimant. */
export function mayCede(owner: Standing, claimant: Standing, nowMs: number): boolean {
  const lead = owner.held - claimant.held;
  // With a lead of one the two only change places.
  return lead > 1 || (lead === 1 && !isTenured(owner, nowMs));
}

/**
 * Whether an idle backend of the owner gives way to a waiter of the taker: at once to a pair that has
 * none, else when it has been idle for as long as its replacement costs.
 */
export function maySpare(owner: Standing, idleMs: number, taker: Standing, nowMs: number): boolean {
  if (taker.held === 0) return true;
  return idleMs >= REPLACEMENT_MS && !isTenured(owner, nowMs);
}

function isTenured(owner: Standing, nowMs: number): boolean {
  return nowMs - owner.gainedAtMs < TENURE_MS;
}

function isNeedier(left: Standing, right: Standing): boolean {
  if (left.held !== right.held) return left.held < right.held;
  return left.oldestSinceMs < right.oldestSinceMs;
}
