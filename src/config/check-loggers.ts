/** What must fit together in `loggers`. */
import { resolve } from "node:path";
import type { CheckReport } from "./check-report.ts";
import { addressProblem, type GlobalConfig } from "./schema/index.ts";

/** How a file is rotated is a matter of the file, not of the group that writes to it. */
const OF_THE_FILE = ["maxSize", "maxBackups", "maxAge", "compress", "localTime"] as const;

export function checkLoggers(loggers: GlobalConfig["loggers"], report: CheckReport): void {
  const files = new Map<string, string>();
  for (const [group, logger] of Object.entries(loggers)) {
    const path = ["loggers", group];
    if (logger.output.includes("rsyslog")) {
      const problem = addressProblem(logger.rsyslogNetwork, logger.rsyslogAddress);
      if (problem !== undefined) report.error([...path, "rsyslogAddress"], problem);
    }
    if (!logger.output.includes("file")) continue;
    if (logger.fileName === "") {
      report.error([...path, "fileName"], "must not be empty");
      continue;
    }
    const file = resolve(logger.fileName);
    const other = files.get(file);
    if (other === undefined) files.set(file, group);
    for (const key of OF_THE_FILE) {
      if (other === undefined || loggers[other]?.[key] === logger[key]) continue;
      report.error(
        [...path, key],
        `differs from that of loggers.${other}, which has the same file`,
      );
    }
  }
}
