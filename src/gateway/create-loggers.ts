/** One logger for each group. */
import type { GlobalConfig } from "../config/index.ts";
import { createLogger, createOutputs, silentLogger } from "../logging/index.ts";
import type { AdjustableLogger, Logger } from "../logging/index.ts";

type Settings = GlobalConfig["loggers"];

export interface Loggers {
  /** For what belongs to no group: that of group `default`, or else of the first group. */
  readonly main: Logger;
  /** Every group of clients has a logger, named in the file or implied. */
  of(group: string): Logger;
  /** Other settings, also for the loggers that were handed out. */
  reconfigure(settings: Settings): void;
}

export function createLoggers(settings: Settings): Loggers {
  const loggers = new Map<string, AdjustableLogger>();
  const reconfigure = (changed: Settings): void => {
    for (const [group, { level, ...rest }] of Object.entries(changed)) {
      const outputs = createOutputs(rest);
      const present = loggers.get(group);
      if (present === undefined) loggers.set(group, createLogger({ group, level, outputs }));
      present?.setLevel(level);
      present?.setOutputs(outputs);
    }
  };
  reconfigure(settings);
  const [first = silentLogger] = loggers.values();
  return {
    main: loggers.get("default") ?? first,
    of: (group) => loggers.get(group) ?? silentLogger,
    reconfigure,
  };
}
