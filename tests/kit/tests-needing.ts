import { test } from "bun:test";

/**
 * `test` for tests that need a program of the machine (psql, pgbench): without the program the test is skipped
 * and its title says why, which `npm test` prints at its end.
 */
export function testNeeding(program: string): (title: string, run: () => Promise<void>) => void {
  if (Bun.which(program) !== null) return (title, run) => test(title, run);
  return (title, run) => test.skip(`${title} (skipped: ${program} is not installed)`, run);
}
