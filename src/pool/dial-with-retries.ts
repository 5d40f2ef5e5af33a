/** Dialling at boot: a limited number of attempts, each logged. */
import type { OpenedServer } from "../backend/index.ts";
import { GatewayError } from "../errors.ts";
import type { TimerWheel } from "../net/index.ts";
import { backoffMs } from "./backoff.ts";
import type { PoolOptions } from "./pool-options.ts";

/**
 * @param signal once aborted there are no more attempts, and no pause goes on
 * @throws GatewayError of the last attempt
 */
export async function dialWithRetries(
  options: PoolOptions,
  signal: AbortSignal,
): Promise<OpenedServer> {
  const { retries, backoff, dial, timers, logger } = options;
  for (let attempt = 0; ; attempt++) {
    try {
      return await dial(signal);
    } catch (thrown) {
      if (attempt >= retries || signal.aborted) throw thrown;
      const waitMs = backoffMs(attempt, backoff);
      logger.error("Failed to connect to the server, trying again", {
        error: GatewayError.from(thrown),
        attempt: attempt + 1,
        retries,
        delay: `${waitMs}ms`,
        name: options.name,
      });
      await pause(waitMs, timers, signal);
      if (signal.aborted) throw thrown;
    }
  }
}

/** Waits, or until the signal is aborted. */
async function pause(waitMs: number, timers: TimerWheel, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = (): void => resolve();
  const limit = timers.after(waitMs, end);
  signal.addEventListener("abort", end);
  await promise;
  signal.removeEventListener("abort", end);
  limit.dispose();
}
