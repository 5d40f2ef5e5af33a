/** Durations as the configuration files write them, held as milliseconds everywhere else. */

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3, // U+00B5 micro sign
  μs: 1e-3, // U+03BC Greek mu
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

const PART = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** A duration as a regular expression, for JSON Schema: `1m30s`, `500ms`, `1.5h`, `0`. */
export const DURATION_PATTERN = "^\\+?(\\d+|((\\d+(\\.\\d*)?|\\.\\d+)(ns|us|µs|μs|ms|s|m|h))+)$";

/**
 * The milliseconds of a duration: `1m30s`, `500ms`, `1.5h`; a whole number, also as text, is
 * nanoseconds. A sign is allowed. Undefined for anything else.
 */
export function parseDuration(input: string | number): number | undefined {
  if (typeof input === "number") return Number.isInteger(input) ? input / 1e6 : undefined;
  const match = /^([+-]?)(.+)$/.exec(input.trim());
  const text = match?.[2];
  if (match === null || text === undefined) return undefined;
  const sign = match[1] === "-" ? -1 : 1;
  if (/^\d+$/.test(text)) return (sign * Number(text)) / 1e6;
  // Summed in nanoseconds, so that parts such as 0.1s and 200ms do not gather rounding errors.
  let totalNs = 0;
  let end = 0;
  PART.lastIndex = 0;
  for (let part = PART.exec(text); part !== null; part = PART.exec(text)) {
    totalNs += Math.round(Number(part[1]) * (MS_PER_UNIT[part[2] ?? ""] ?? 0) * 1e6);
    end = PART.lastIndex;
  }
  return end === text.length ? (sign * totalNs) / 1e6 : undefined;
}

/** A duration in milliseconds as whole nanoseconds, the unit of hook payloads and the admin API. */
export function durationToNanoseconds(ms: number): number {
  return Math.round(ms * 1e6);
}

/** A duration in milliseconds in the original's notation: `1m0s`, `30s`, `1.5s`, `500ms`, `0s`. */
export function formatDuration(ms: number): string {
  const ns = durationToNanoseconds(Math.abs(ms));
  const sign = ms < 0 ? "-" : "";
  if (ns === 0) return "0s";
  if (ns < 1e3) return `${sign}${ns}ns`;
  if (ns < 1e6) return `${sign}${ns / 1e3}µs`;
  if (ns < 1e9) return `${sign}${ns / 1e6}ms`;
  const hours = Math.floor(ns / 3_600e9);
  const minutes = Math.floor((ns % 3_600e9) / 60e9);
  const seconds = (ns % 60e9) / 1e9;
  const withHours = hours > 0 ? `${hours}h${minutes}m` : minutes > 0 ? `${minutes}m` : "";
  return `${sign}${withHours}${seconds}s`;
}
