import type { GlobalConfig } from "../config/index.ts";
import { LogWatch } from "../logging/index.ts";
import type { Logger } from "../logging/index.ts";
import { normalize } from "../sql/index.ts";
import type { GroupWatch, TraceIdOf } from "../watch/index.ts";

type Settings = GlobalConfig["loggers"][string];

/** What writes of a group's sessions into its log. Slow queries need `loadSql` done. */
export function logWatchOf(
  settings: Settings | undefined,
  logger: Logger,
  traceIdOf: TraceIdOf | undefined,
): GroupWatch {
  const thresholdMs = settings?.slowQueryThreshold ?? 0;
  const slowQueries =
    thresholdMs > 0
      ? { thresholdMs, sampling: settings?.slowQuerySampling ?? 1, normalize }
      : undefined;
  return new LogWatch({ logger, slowQueries, traceIdOf });
}

/** Whether statements will have to be read for the log of any group. */
export function logsSlowQueries(loggers: GlobalConfig["loggers"]): boolean {
  return Object.values(loggers).some(({ slowQueryThreshold }) => slowQueryThreshold > 0);
}
