/** Finds what somebody meant who mistyped a name. */
import { editDistance } from "./edit-distance.ts";

/**
 * The candidate with the fewest edits to `name`, regardless of case; undefined when none is close
 * enough (a third of the name's length, at least two edits) to be worth a suggestion.
 */
export function nearestKey(name: string, candidates: Iterable<string>): string | undefined {
  const limit = Math.max(2, Math.floor(name.length / 3));
  let best: string | undefined;
  let bestDistance = limit + 1;
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - name.length) >= bestDistance) continue;
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `, did you mean "address"?` for an error about `name`; empty when nothing is near. */
export function suggestion(name: string, candidates: Iterable<string>): string {
  const nearest = nearestKey(name, candidates);
  return nearest === undefined ? "" : `, did you mean "${nearest}"?`;
}
