/** How long and how often {@link waitFor} looks. */
export interface WaitOptions<T> {
  /** After this long the wait has failed. Default 10 s: ample on a busy machine. */
  readonly deadlineMs?: number;
  /** Pause between two looks. Default 10 ms. */
  readonly intervalMs?: number;
  /** Says whether a value is the awaited one. Default: any truthy value. */
  readonly until?: (value: T) => boolean;
  /** A probe that throws counts as "not yet" (the last error becomes the cause). Default: it ends the wait. */
  readonly retryErrors?: boolean;
}

/**
 * Looks again and again until the probe gives the awaited value, and returns that value.
 *
 * @throws an Error that names what was awaited and the last value seen, when the deadline passes.
 */
export async function waitFor<T>(
  what: string,
  probe: () => T | Promise<T>,
  options: WaitOptions<T> = {},
): Promise<T> {
  const { deadlineMs = 10_000, intervalMs = 10, until = Boolean, retryErrors = false } = options;
  const deadline = performance.now() + deadlineMs;
  for (;;) {
    let last: string;
    let cause: unknown;
    try {
      const value = await probe();
      if (until(value)) return value;
      last = `last value: ${Bun.inspect(value)}`;
    } catch (error) {
      if (!retryErrors) throw error;
      cause = error;
      last = `last error: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (performance.now() >= deadline) {
      throw new Error(`waited ${deadlineMs} ms in vain for ${what}; ${last}`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
