import type { PoolConfig } from "../config/index.ts";
import type { Logger } from "../logging/index.ts";
import type { TimerWheel } from "../net/index.ts";
import { createMultiplexing } from "../session/index.ts";
import type { Multiplexing } from "../session/index.ts";
import { Sharing } from "../sharing/index.ts";
import type { GroupWatch } from "../watch/index.ts";

/** Undefined where a server connection serves one session at a time. */
export function buildMultiplexing(
  block: string,
  pool: PoolConfig,
  timers: TimerWheel,
  logger: Logger,
  watch: GroupWatch | undefined,
): Multiplexing | undefined {
  const { multiplexDepth: depth, retryReadOnly: retriesReadOnly, allowFunctions } = pool;
  if (depth === 1) return undefined;
  const sharing = new Sharing({ block, allowFunctions, clock: timers.clock, logger });
  return createMultiplexing({ block, depth, retriesReadOnly, sharing, timers, logger, watch });
}
