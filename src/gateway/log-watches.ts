/** What writes of the sessions of each group into its log, by the settings of its logger. */
import type { GlobalConfig } from "../config/index.ts";
import { LogWatch } from "../logging/index.ts";
import type { Logger, SlowQuerySettings } from "../logging/index.ts";
import { normalize } from "../sql/index.ts";
import { NormalTexts } from "../statements/index.ts";
import type { GroupListener, TraceIdOf } from "../watch/index.ts";

type Settings = GlobalConfig["loggers"];

export interface LogWatchesOptions {
  readonly loggerOf: (group: string) => Logger;
  /** Undefined where nothing is traced. */
  readonly traceIdOf: TraceIdOf | undefined;
}

export class LogWatches {
  readonly #options: LogWatchesOptions;
  readonly #groups = new Map<string, LogWatch>();
  readonly #texts = new NormalTexts(normalize);
  #settings: Settings;

  constructor(settings: Settings, options: LogWatchesOptions) {
    this.#settings = settings;
    this.#options = options;
  }

  /** The same one each time. Slow queries need `loadSql` done. */
  of(group: string): GroupListener {
    const known = this.#groups.get(group);
    if (known !== undefined) return known;
    const { loggerOf, traceIdOf } = this.#options;
    const slowQueries = this.#slowQueriesOf(this.#settings[group]);
    const watch = new LogWatch({ logger: loggerOf(group), slowQueries, traceIdOf });
    this.#groups.set(group, watch);
    return watch;
  }

  /** From the next unit on, for sessions that there are as well. */
  reconfigure(settings: Settings): void {
    this.#settings = settings;
    for (const [group, watch] of this.#groups) {
      watch.logSlowQueries(this.#slowQueriesOf(settings[group]));
    }
  }

  #slowQueriesOf(settings: Settings[string] | undefined): SlowQuerySettings | undefined {
    if (settings === undefined || settings.slowQueryThreshold === 0) return undefined;
    const { slowQueryThreshold: thresholdMs, slowQuerySampling: sampling } = settings;
    return { thresholdMs, sampling, normalize: (sql) => this.#texts.of(sql) };
  }
}

/** Whether statements will have to be read for the log of any group. */
export function logsSlowQueries(loggers: Settings): boolean {
  return Object.values(loggers).some(({ slowQueryThreshold }) => slowQueryThreshold > 0);
}
