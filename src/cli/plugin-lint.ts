import { loadPluginsConfig } from "../config/index.ts";
import type { RunnableCommand } from "./command.ts";
import { pluginConfigFlag, sentryFlagWithLetter } from "./flags.ts";
import { loadOptions } from "./load-options.ts";
import { reportLoadFailure, reportWarnings } from "./report-load-failure.ts";

/** `gatewayd plugin lint`. */
export const pluginLintCommand: RunnableCommand = {
  kind: "runnable",
  name: "lint",
  summary: "Check the plugins configuration",
  description: `Checks the plugins configuration file together with the GATEWAYD_* environment variables.

Every error and warning is printed on a line of its own, with file, line and column. Warnings alone
do not fail.`,
  flags: [pluginConfigFlag, sentryFlagWithLetter],
  async run(invocation) {
    const { terminal } = invocation;
    const result = loadPluginsConfig(loadOptions(invocation));
    if (!result.ok) return reportLoadFailure(terminal, result);
    await reportWarnings(terminal, result.config.warnings);
    await terminal.err("plugins config is valid\n");
    return 0;
  },
};
