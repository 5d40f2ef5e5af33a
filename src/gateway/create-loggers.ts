/** One logger for each group. */
import type { GlobalConfig } from "../config/index.ts";
import { createLogger, createOutputs, silentLogger } from "../logging/index.ts";
import type { Logger } from "../logging/index.ts";

export interface Loggers {
  /** For what belongs to no group: that of group `default`, or else of the first group. */
  readonly main: Logger;
  /** Every group of clients has a logger, named in the file or implied. */
  of(group: string): Logger;
}

export function createLoggers(config: GlobalConfig["loggers"]): Loggers {
  const loggers = new Map(
    Object.entries(config).map(([group, settings]) => [
      group,
      createLogger({ group, level: settings.level, outputs: createOutputs(settings) }),
    ]),
  );
  const [first = silentLogger] = loggers.values();
  return {
    main: loggers.get("default") ?? first,
    of: (group) => loggers.get(group) ?? silentLogger,
  };
}
