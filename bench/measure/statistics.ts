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

/**
 * The ratio of pairs that were measured one after the other, which slow changes of the machine meet alike. What two processes
 * differ by by chance stays the same as long as they live: so each part of the measurement, with processes of its own,
 * counts as one: by the median of its pairs.
 *
 * @param parts how many there were, of equal length: at least 2
 * @returns the mean of the parts, with the bounds of Student's t
 * @throws when there are fewer pairs than parts
 */
export function ratioByParts(
  values: readonly number[],
  bases: readonly number[],
  parts: number,
): RatioEstimate {
  const ratios = values.flatMap((value, index) => {
    const base = bases[index];
    return base === undefined || base === 0 ? [] : [value / base];
  });
  const medians = Array.from({ length: parts }, (_, part) => {
    const from = Math.round((ratios.length * part) / parts);
    return median(ratios.slice(from, Math.round((ratios.length * (part + 1)) / parts)));
  });
  const ratio = medians.reduce((sum, each) => sum + each, 0) / parts;
  const squares = medians.reduce((sum, each) => sum + (each - ratio) ** 2, 0);
  const reach = studentT(parts - 1) * Math.sqrt(squares / (parts - 1) / parts);
  return { ratio, low: ratio - reach, high: ratio + reach };
}

/** Of 95 values of 100, on both sides: by its expansion around that of the normal distribution (Cornish and Fisher). */
function studentT(degrees: number): number {
  return 1.96 + 2.372 / degrees + 2.823 / degrees ** 2;
}
