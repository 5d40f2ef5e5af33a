/**
 * The value that so large a share of the observations does not exceed, as `histogram_quantile` of Prometheus has it:
 * evenly spread within a bucket, and beyond the last bound that bound.
 *
 * @param share from 0 to 1
 * @param bounds of the buckets, ascending
 * @param counts of each bucket, and of what is beyond the last bound
 * @returns 0 if nothing was observed
 */
export function quantile(
  share: number,
  bounds: readonly number[],
  counts: readonly number[],
): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 0;
  const rank = share * total;
  let below = 0;
  for (const [place, bound] of bounds.entries()) {
    const count = counts[place] ?? 0;
    if (count > 0 && below + count >= rank) {
      const from = bounds[place - 1] ?? 0;
      return from + ((bound - from) * (rank - below)) / count;
    }
    below += count;
  }
  return bounds.at(-1) ?? 0;
}
