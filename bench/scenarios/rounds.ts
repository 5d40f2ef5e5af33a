/**
 * The order in which entries take their turn in a round: each round begins with the next one, and every other
 * round goes backwards, so that nobody always comes first or always behind the same one.
 */
export function turnOrder<T>(entries: readonly T[], round: number): readonly T[] {
  const start = round % Math.max(1, entries.length);
  const rotated = [...entries.slice(start), ...entries.slice(0, start)];
  return round % 2 === 0 ? rotated : rotated.toReversed();
}
