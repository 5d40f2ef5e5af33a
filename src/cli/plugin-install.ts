import type { LoadedFile, PluginsConfig } from "../config/index.ts";
import { installPlugin, type InstallOptions, pluginSource } from "../install/index.ts";
import { askYesOrNo } from "./ask-yes-or-no.ts";
import type { Invocation, RunnableCommand, SwitchFlag, TextFlag } from "./command.ts";
import { downloadProgress } from "./download-progress.ts";
import { pluginConfigFlag, sentryFlag } from "./flags.ts";
import { installListedPlugins } from "./install-listed-plugins.ts";
import { loadPluginsFile } from "./load-plugins-file.ts";
import { reportUsageError } from "./report-usage-error.ts";
import { stopSignal } from "./stop-signal.ts";
import type { Terminal } from "./terminal.ts";
import { versionInfo } from "./version-info.ts";

const outputDirFlag: TextFlag = {
  type: "text",
  name: "output-dir",
  short: "o",
  description: "Directory that plugins are put in",
  defaultText: "./plugins",
  valueKind: "directory",
};

const pullOnlyFlag: SwitchFlag = {
  type: "switch",
  name: "pull-only",
  description: "Download and verify the archive, and leave it in the output directory",
  isOnByDefault: false,
};

const cleanupFlag: SwitchFlag = {
  type: "switch",
  name: "cleanup",
  description: "Keep the plugin alone, not the archive, its checksums and the other files in it",
  isOnByDefault: true,
};

const noPromptFlag: SwitchFlag = {
  type: "switch",
  name: "no-prompt",
  description: "Do not ask whether plugins that are installed are to be updated",
  isOnByDefault: true,
};

const updateFlag: SwitchFlag = {
  type: "switch",
  name: "update",
  description: "Replace plugins that are installed",
  isOnByDefault: false,
};

const backupFlag: SwitchFlag = {
  type: "switch",
  name: "backup",
  description: "Keep the plugins configuration as it was, in a file with .bak behind its name",
  isOnByDefault: false,
};

const nameFlag: TextFlag = {
  type: "text",
  name: "name",
  short: "n",
  description: "Name of the plugin; needed for an archive of this machine",
  valueKind: "text",
};

const overwriteConfigFlag: SwitchFlag = {
  type: "switch",
  name: "overwrite-config",
  description: "Enter the plugin into the plugins configuration; otherwise its entry is printed",
  isOnByDefault: true,
};

const skipVerificationFlag: SwitchFlag = {
  type: "switch",
  name: "skip-path-slip-verification",
  description:
    "Accepted without effect: nothing in an archive is written outside of the output directory",
  isOnByDefault: false,
};

/** `gatewayd plugin install`. */
export const pluginInstallCommand: RunnableCommand = {
  kind: "runnable",
  name: "install",
  summary: "Install a plugin, or all plugins of the plugins configuration",
  description: `Installs a plugin from a release on GitHub or from a .tar.gz or .zip archive, and enters it into the plugins
configuration, whose comments stay. A version is a tag; without one it is the latest release.
  gatewayd plugin install github.com/gatewayd-io/gatewayd-plugin-cache@v0.5.1
  gatewayd plugin install ./my-plugin.tar.gz --name my-plugin

Without an argument it installs the plugins that the configuration names with their url.

A release is verified by its checksums.txt: without the right checksum there nothing is installed. The
authors' own settings, from gatewayd_plugin.yaml, become the entry's; an entry that is there keeps its own.`,
  operands: "url or archive",
  flags: [
    pluginConfigFlag,
    outputDirFlag,
    pullOnlyFlag,
    cleanupFlag,
    noPromptFlag,
    updateFlag,
    backupFlag,
    nameFlag,
    overwriteConfigFlag,
    skipVerificationFlag,
    sentryFlag,
  ],
  async run(invocation) {
    const { operands } = invocation.arguments;
    const [argument, stray] = operands;
    if (stray !== undefined) {
      return reportUsageError(
        invocation.terminal,
        invocation.path,
        `unexpected argument "${stray}"`,
      );
    }
    using stop = stopSignal();
    const config = await loadPluginsFile(invocation);
    if (config === undefined) return 1;
    const options = installOptions(invocation, config, stop.signal);
    if (argument === undefined) {
      const isSilent = invocation.arguments.isOn(noPromptFlag);
      return await installListedPlugins(config.value.plugins, options, isSilent);
    }
    await options.say("Installing plugin from CLI argument");
    await installPlugin(pluginSource(argument), options);
    return 0;
  },
};

function installOptions(
  { arguments: given, terminal, env }: Invocation,
  config: LoadedFile<PluginsConfig>,
  signal: AbortSignal,
): InstallOptions {
  const onProgress = downloadProgress(terminal, process.stderr.isTTY);
  return {
    configPath: config.path,
    outputDir: given.text(outputDirFlag) ?? "./plugins",
    name: given.text(nameFlag),
    isPullOnly: given.isOn(pullOnlyFlag),
    isClean: given.isOn(cleanupFlag),
    mayReplace: mayReplace(given.isOn(updateFlag), given.isOn(noPromptFlag), terminal, signal),
    hasBackup: given.isOn(backupFlag),
    isConfigWritten: given.isOn(overwriteConfigFlag),
    platform: versionInfo.platform,
    baseUrl: config.value.pluginInstallBaseUrl,
    env,
    signal,
    say: (line) => terminal.err(`${line}\n`),
    ...(onProgress === undefined ? {} : { onProgress }),
  };
}

/** Asks once at most. */
function mayReplace(
  isUpdate: boolean,
  isSilent: boolean,
  terminal: Terminal,
  signal: AbortSignal,
): () => Promise<boolean> {
  let answer: Promise<boolean> | undefined;
  if (isUpdate || isSilent) answer = Promise.resolve(isUpdate);
  const question = "Do you want to update the existing plugins?";
  return () => (answer ??= askYesOrNo(question, terminal, signal));
}
