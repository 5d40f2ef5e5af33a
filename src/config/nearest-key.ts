/** Finds what somebody meant who mistyped a name. */

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

/** Insertions, deletions and replacements between two texts (Levenshtein). */
export function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, column) => column);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const replace = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1);
      const insert = (current[column - 1] ?? 0) + 1;
      const remove = (previous[column] ?? 0) + 1;
      current.push(Math.min(replace, insert, remove));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
}
