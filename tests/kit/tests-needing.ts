import { test } from "bun:test";

/** `test`, or its like that skips. */
export type MaybeTest = (title: string, run: () => unknown, timeoutMs?: number) => void;

/**
 * `test` for tests that need a program of the machine (psql, pgbench): without the program the test is skipped
 * and its title says why, which `npm test` prints at its end.
 */
export function testNeeding(program: string): MaybeTest {
  return testWhere(Bun.which(program) !== null, `${program} is not installed`);
}

/** `test` for tests that are not possible everywhere: elsewhere it is skipped, and its title says why. */
export function testWhere(isPossible: boolean, otherwise: string): MaybeTest {
  if (isPossible) {
    return (title, run, timeoutMs) => test(title, async () => void (await run()), timeoutMs);
  }
  return (title) => test.skip(`${title} (skipped: ${otherwise})`, () => {});
}
