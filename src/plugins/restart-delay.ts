const FIRST_MS = 250;
const LONGEST_MS = 60_000;

/** How long to wait before a plugin is started again, after so many failures in a row: 250 ms, doubled up to a minute. */
export function restartDelayMs(failures: number): number {
  return Math.min(FIRST_MS * 2 ** Math.max(0, failures - 1), LONGEST_MS);
}
