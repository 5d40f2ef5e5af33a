/** Dialling at boot: a limited number of attempts, each logged. */
import { GatewayError } from "../errors.ts";
import type { Dialled } from "../net/index.ts";
import { backoffMs } from "./backoff.ts";
import type { PoolOptions } from "./pool-options.ts";

/** @throws GatewayError of the last attempt */
export async function dialWithRetries(options: PoolOptions): Promise<Dialled> {
  const { retries, backoff, dial, timers, logger } = options;
  for (let attempt = 0; ; attempt++) {
    try {
      return await dial();
    } catch (thrown) {
      if (attempt >= retries) throw thrown;
      const waitMs = backoffMs(attempt, backoff);
      logger.error("Failed to connect to the server, trying again", {
        error: GatewayError.from(thrown),
        attempt: attempt + 1,
        retries,
        delay: `${waitMs}ms`,
        name: options.name,
      });
      await new Promise<void>((resolve) => timers.after(waitMs, resolve));
    }
  }
}
