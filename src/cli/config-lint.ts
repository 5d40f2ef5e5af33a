import { loadGlobalConfig } from "../config/index.ts";
import type { RunnableCommand } from "./command.ts";
import { configFlag, sentryFlag } from "./flags.ts";
import { loadOptions } from "./load-options.ts";
import { reportLoadFailure, reportWarnings } from "./report-load-failure.ts";

/** `gatewayd config lint`. */
export const configLintCommand: RunnableCommand = {
  kind: "runnable",
  name: "lint",
  summary: "Check the global configuration",
  description: `Checks the global configuration file together with the GATEWAYD_* environment variables.

Every error and warning is printed on a line of its own, with file, line and column. Warnings alone
do not fail.`,
  flags: [configFlag, sentryFlag],
  async run(invocation) {
    const { terminal } = invocation;
    const result = loadGlobalConfig(loadOptions(invocation));
    if (!result.ok) return reportLoadFailure(terminal, result);
    await reportWarnings(terminal, result.config.warnings);
    await terminal.err("global config is valid\n");
    return 0;
  },
};
