import type { GlobalConfig, LoadedConfig } from "../config/index.ts";
import { createLoggers } from "./create-loggers.ts";
import { Gateway } from "./gateway.ts";
import type { EvaluateConfig } from "./reload.ts";

export interface ConfigWithPluginsOptions {
  readonly config: LoadedConfig;
  /** Makes it again, with what plugins have set. */
  readonly evaluate: EvaluateConfig;
  /** Checksums of plugins are not required. */
  readonly dev: boolean;
}

/**
 * The configuration as a start of the gateway would have it: plugins are started, asked what they change, and
 * ended. Nothing is listened on or connected to, and only errors are logged, on standard error.
 * @throws GatewayError ERR_CONFIG_OVERRIDE when what they set is not valid
 */
export async function configWithPlugins(options: ConfigWithPluginsOptions): Promise<LoadedConfig> {
  const { config, evaluate, dev } = options;
  const quiet: GlobalConfig["loggers"] = {};
  for (const [group, settings] of Object.entries(config.global.loggers)) {
    quiet[group] = { ...settings, level: "error", output: ["console"] };
  }
  const loggers = { ...createLoggers(quiet), reconfigure: () => {} };
  const gateway = new Gateway(config, loggers, { dev, version: "" }, evaluate);
  try {
    return await gateway.configure();
  } finally {
    await gateway.stopNow();
  }
}
