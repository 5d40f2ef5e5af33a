/** What must fit together in gatewayd_plugins.yaml beyond each key by itself. */
import { checkAct } from "./check-act.ts";
import { type CheckReport, reportOn } from "./check-report.ts";
import type { ConfigIssue } from "./config-issue.ts";
import type { ConfigNode, Path } from "./config-tree.ts";
import type { PluginConfig, PluginsConfig } from "./schema/index.ts";

interface Strictness {
  /** Lets executables run without a checksum. */
  readonly dev: boolean;
  /** Makes a checksum that is not valid an error. */
  readonly lint: boolean;
}

/** All errors and warnings about the plugins. */
export function checkPlugins(
  config: PluginsConfig,
  root: ConfigNode,
  strictness: Strictness,
): ConfigIssue[] {
  const { report, issues } = reportOn(root);
  if (config.enableMetricsMerger && config.metricsMergerPeriod === 0) {
    report.error(["metricsMergerPeriod"], "must be more than 0");
  }
  checkNames(config.plugins, report);
  checkBuffer(["hookBufferBytes"], config.hookBufferBytes, config, report);
  for (const [index, plugin] of config.plugins.entries()) {
    const path = ["plugins", index];
    checkBuffer([...path, "hookBufferBytes"], plugin.hookBufferBytes, config, report);
    if (config.timeout > 0 && plugin.timeout > config.timeout) {
      const message = "is more than timeout, which all plugins of an event have together";
      report.warning([...path, "timeout"], message);
    }
    checkPlugin(path, plugin, strictness, report);
  }
  checkAct(config, report);
  return issues;
}

function checkNames(plugins: readonly PluginConfig[], report: CheckReport): void {
  const labels = new Map<string, string>();
  for (const [index, { name }] of plugins.entries()) {
    const path = ["plugins", index, "name"];
    const label = name.replaceAll("-", "_");
    const other = labels.get(label);
    labels.set(label, name);
    if (other === name) report.error(path, `"${name}" is given twice`);
    else if (other !== undefined) {
      report.warning(path, `its metrics have the same label as those of "${other}": ${label}`);
    }
  }
}

/** What is gathered of an answer must be short enough to be shown. */
function checkBuffer(
  path: Path,
  bufferBytes: number | undefined,
  { maxHookMessageBytes }: PluginsConfig,
  report: CheckReport,
): void {
  if (bufferBytes === undefined || bufferBytes <= maxHookMessageBytes) return;
  report.error(path, "must not be more than maxHookMessageBytes, or no plugin could be shown it");
}

/** Whether a plugin is TypeScript or JavaScript that the gateway loads itself. */
export function isModulePath(localPath: string): boolean {
  return /\.(ts|js|mjs)$/.test(localPath);
}

/**
 * Whether a plugin may be started as far as its checksum goes: an executable needs one, except in
 * development, and one that is given has to look like a SHA-256.
 */
export function hasValidChecksum({ localPath, checksum }: PluginConfig, dev: boolean): boolean {
  if (/^[0-9a-f]{64}$/i.test(checksum)) return true;
  return isModulePath(localPath) ? checksum === "" : dev;
}

function checkPlugin(
  path: Path,
  plugin: PluginConfig,
  { dev, lint }: Strictness,
  report: CheckReport,
): void {
  const { localPath, url, enabled } = plugin;
  if (localPath !== "" && !isModulePath(localPath)) checkExecutable(path, plugin, report);
  if (localPath === "") {
    if (url === "") report.error(path, "needs localPath, the path of the plugin");
    else report.warning(path, "is not installed yet: it has a url and no localPath");
    return;
  }
  if (isModulePath(localPath) && plugin.passEnv.join() !== "*") {
    report.warning([...path, "passEnv"], "has no effect: a module has the gateway's environment");
  }
  if (hasValidChecksum(plugin, false)) return;
  const checksumPath = [...path, "checksum"];
  const message = `must be the SHA-256 of ${localPath}: 64 hexadecimal digits`;
  // A plugin that is not started anyway can wait for its checksum.
  if (hasValidChecksum(plugin, dev) || !enabled || !lint) report.warning(checksumPath, message);
  else report.error(checksumPath, message);
}

/** Keys that mean nothing for an executable. */
function checkExecutable(
  path: Path,
  { isolation, config }: PluginConfig,
  report: CheckReport,
): void {
  if (isolation === "worker") {
    const message = "is for modules: an executable runs in a process of its own";
    report.error([...path, "isolation"], message);
  }
  if (Object.keys(config).length > 0) {
    const message = "is for modules: an executable gets its settings by args and env";
    report.error([...path, "config"], message);
  }
}
