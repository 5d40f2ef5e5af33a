import type { TimerWheel } from "../net/index.ts";

/** Waits for something to happen, but not for ever. */
export async function within(
  limitMs: number,
  happening: Promise<unknown>,
  timers: TimerWheel,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const limit = timers.after(limitMs, resolve);
  await Promise.race([happening, promise]);
  limit.dispose();
}
