import { describeEffectiveConfig, loadConfig, readConfigFiles } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import { configWithPlugins, ExitCode } from "../gateway/index.ts";
import type { RunnableCommand, SwitchFlag } from "./command.ts";
import { configFlag, devFlag, pluginConfigFlag } from "./flags.ts";
import { loadOptions } from "./load-options.ts";
import { reportLoadFailure, reportWarnings } from "./report-load-failure.ts";

const withPluginsFlag: SwitchFlag = {
  type: "switch",
  name: "with-plugins",
  description: "Start the plugins, and show what they make of the configuration",
  isOnByDefault: false,
};

/** `gatewayd config show`. */
export const configShowCommand: RunnableCommand = {
  kind: "runnable",
  name: "show",
  summary: "Print the effective configuration and where each value comes from",
  description: `Prints the configuration that "gatewayd run" would use, as YAML on stdout.

Every line names its origin: a default, a line of a file or an environment variable. Secrets are
shown as ***.

Plugins may change the configuration when the gateway starts. What they set is known only to them: with
--with-plugins they are started for it, asked, and ended again. Exit code 6 says that what they set is
not valid.`,
  flags: [configFlag, pluginConfigFlag, devFlag, withPluginsFlag],
  async run(invocation) {
    const { arguments: given, terminal } = invocation;
    const asked = loadOptions(invocation);
    const options = { ...asked, files: readConfigFiles(asked) };
    const result = loadConfig(options);
    if (!result.ok) return reportLoadFailure(terminal, result);
    await reportWarnings(terminal, result.config.warnings);
    if (!given.isOn(withPluginsFlag)) {
      await terminal.out(describeEffectiveConfig(result.config));
      return 0;
    }
    try {
      const config = await configWithPlugins({
        config: result.config,
        evaluate: (overrides) => loadConfig({ ...options, overrides }),
        dev: given.isOn(devFlag),
      });
      await terminal.out(describeEffectiveConfig(config));
      return 0;
    } catch (thrown) {
      const error = GatewayError.from(thrown);
      await terminal.err(`Error: ${error.message}\n`);
      return error.code === "ERR_CONFIG_OVERRIDE" ? ExitCode.FailedToApplyOverrides : 1;
    }
  },
};
