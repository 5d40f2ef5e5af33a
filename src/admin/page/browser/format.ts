/** Figures as people read them. */

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const THREE_DIGITS = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

/** What stands where there is no figure. */
export const NONE = "–";

/** `12,345` */
export function count(value: number): string {
  return WHOLE.format(value);
}

/** How often in a second: `0.25`, `12.3`, `12,345`. */
export function rate(perSecond: number): string {
  return perSecond < 1_000 ? THREE_DIGITS.format(perSecond) : WHOLE.format(perSecond);
}

/** With few characters, for axes: `950`, `1.2K`. */
export function short(value: number): string {
  return SHORT.format(value);
}

const MINUTE_S = 60;
const HOUR_S = 60 * MINUTE_S;
const DAY_S = 24 * HOUR_S;

/** How long something took: `85 µs`, `1.25 ms`, `2.5 s`, `3 min 5 s`. */
export function duration(seconds: number): string {
  if (seconds === 0) return "0 ms";
  if (seconds < 0.001) return `${THREE_DIGITS.format(seconds * 1e6)} µs`;
  if (seconds < 1) return `${THREE_DIGITS.format(seconds * 1e3)} ms`;
  if (seconds < MINUTE_S) return `${THREE_DIGITS.format(seconds)} s`;
  return span(seconds);
}

/** How long something has lasted, in its two greatest units: `3 d 4 h`, `12 min 5 s`. */
export function span(seconds: number): string {
  const whole = Math.floor(seconds);
  if (whole < MINUTE_S) return `${whole} s`;
  if (whole < HOUR_S) return two(whole, MINUTE_S, "min", 1, "s");
  if (whole < DAY_S) return two(whole, HOUR_S, "h", MINUTE_S, "min");
  return two(whole, DAY_S, "d", HOUR_S, "h");
}

function two(whole: number, great: number, greatName: string, small: number, smallName: string) {
  const rest = Math.floor((whole % great) / small);
  return `${Math.floor(whole / great)} ${greatName}${rest === 0 ? "" : ` ${rest} ${smallName}`}`;
}

/** The time of day: `14:05:09`, without its seconds `14:05`. */
export function clock(ms: number, withSeconds = true): string {
  const text = new Date(ms).toTimeString();
  return text.slice(0, withSeconds ? "hh:mm:ss".length : "hh:mm".length);
}

/** The value of an enum without what all its values begin with: `in transaction`. */
export function word(value: string, prefix: string): string {
  const name = value.startsWith(prefix) ? value.slice(prefix.length) : value;
  return name === "UNSPECIFIED" ? "" : name.toLowerCase().replaceAll("_", " ");
}
