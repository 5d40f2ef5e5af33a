import { existsSync } from "node:fs";
import {
  type LoadedFile,
  loadPluginsConfig,
  type PluginsConfig,
  readPlugins,
} from "../config/index.ts";
import type { Invocation } from "./command.ts";
import { pluginConfigFlag } from "./flags.ts";
import { loadOptions } from "./load-options.ts";
import { reportLoadFailure } from "./report-load-failure.ts";
import { defaultFilePath } from "./write-default-file.ts";

/**
 * The plugins configuration for a command that is to change it: without a file, what one with nothing in it would
 * be, at the path it would have. Undefined after telling what is wrong; checksums may be.
 */
export async function loadPluginsFile(
  invocation: Invocation,
): Promise<LoadedFile<PluginsConfig> | undefined> {
  const path =
    invocation.arguments.text(pluginConfigFlag) ?? defaultFilePath("gatewayd_plugins.yaml");
  const options = { ...loadOptions(invocation), pluginConfigPath: path, lint: false };
  const result = existsSync(path) ? loadPluginsConfig(options) : readPlugins("", path, options);
  if (result.ok) return result.config;
  await reportLoadFailure(invocation.terminal, result);
  return undefined;
}
