/** The value in the middle; between two of them, their mean. @throws when there is none. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a share (0 to 1) of the values lies, interpolated. @throws when there is none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const position = (sorted.length - 1) * share;
  const low = sorted[Math.floor(position)];
  const high = sorted[Math.ceil(position)];
  if (low === undefined || high === undefined) throw new Error("no values");
  return low + (high - low) * (position - Math.floor(position));
}

/**
 * How far apart two measurements of the same thing lie, as a share of 1: in half of the rounds the pair differs
 * by less. The quartile farther from equality counts, so that a lasting difference shows as well as scatter.
 */
export function pairSpread(first: readonly number[], second: readonly number[]): number {
  const ratios = first.flatMap((value, index) => {
    const other = second[index];
    return other === undefined || value === 0 ? [] : [other / value];
  });
  if (ratios.length === 0) throw new Error("no pairs");
  return Math.max(1 - quantile(ratios, 0.25), quantile(ratios, 0.75) - 1, 0);
}

/** A ratio, and the bounds that it lies between in 95 of 100 such measurements. */
export interface RatioEstimate {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
}

/** For the middle of the ordered values: 1.96 times half of 1 / sqrt(n) of them lie between it and either bound. */
const BOUND = 0.98;

/**
 * The median of the ratios of pairs that were measured one after the other, which slow changes of the machine meet alike.
 * @throws when there is no pair
 */
export function medianRatio(values: readonly number[], bases: readonly number[]): RatioEstimate {
  const ratios = values.flatMap((value, index) => {
    const base = bases[index];
    return base === undefined || base === 0 ? [] : [value / base];
  });
  const reach = BOUND / Math.sqrt(ratios.length);
  return {
    ratio: median(ratios),
    low: quantile(ratios, Math.max(0, 0.5 - reach)),
    high: quantile(ratios, Math.min(1, 0.5 + reach)),
  };
}
