import { describeEffectiveConfig, loadConfig } from "../config/index.ts";
import type { RunnableCommand } from "./command.ts";
import { configFlag, devFlag, pluginConfigFlag } from "./flags.ts";
import { loadOptions } from "./load-options.ts";
import { reportLoadFailure, reportWarnings } from "./report-load-failure.ts";

/** `gatewayd config show`. */
export const configShowCommand: RunnableCommand = {
  kind: "runnable",
  name: "show",
  summary: "Print the effective configuration and where each value comes from",
  description: `Prints the configuration that "gatewayd run" would use, as YAML on stdout.

Every line names its origin: a default, a line of a file or an environment variable. Secrets are
shown as ***.`,
  flags: [configFlag, pluginConfigFlag, devFlag],
  async run(invocation) {
    const { terminal } = invocation;
    const result = loadConfig(loadOptions(invocation));
    if (!result.ok) return reportLoadFailure(terminal, result);
    await reportWarnings(terminal, result.config.warnings);
    await terminal.out(describeEffectiveConfig(result.config));
    return 0;
  },
};
