import { loadPluginsConfig, withoutPasswords } from "../config/index.ts";
import type { LoadedFile, PluginsConfig } from "../config/index.ts";
import type { RunnableCommand, SwitchFlag } from "./command.ts";
import { placeFlags, pluginStates } from "./admin/index.ts";
import { pluginConfigFlag, sentryFlagWithLetter } from "./flags.ts";
import { loadOptions } from "./load-options.ts";
import { reportLoadFailure, reportWarnings } from "./report-load-failure.ts";

const onlyEnabledFlag: SwitchFlag = {
  type: "switch",
  name: "only-enabled",
  short: "e",
  description: "Only the enabled plugins",
  isOnByDefault: false,
};

/** `gatewayd plugin list`. */
export const pluginListCommand: RunnableCommand = {
  kind: "runnable",
  name: "list",
  summary: "List the plugins of the plugins configuration",
  description: `Lists the plugins of the plugins configuration, and what they are at where a gateway runs: its admin API is
asked at --address, or where the global configuration says it is.`,
  flags: [pluginConfigFlag, onlyEnabledFlag, ...placeFlags, sentryFlagWithLetter],
  async run(invocation) {
    const { terminal } = invocation;
    const result = loadPluginsConfig(loadOptions(invocation));
    if (!result.ok) return reportLoadFailure(terminal, result);
    await reportWarnings(terminal, result.config.warnings);
    const isOnlyEnabled = invocation.arguments.isOn(onlyEnabledFlag);
    const states = await pluginStates(invocation);
    await terminal.err(pluginListText(result.config, isOnlyEnabled, states));
    return 0;
  },
};

const HIDDEN = "***";

/** The list in the original's layout, without secrets; the total counts the disabled ones too. */
function pluginListText(
  { value: { plugins }, secretPaths }: LoadedFile<PluginsConfig>,
  isOnlyEnabled: boolean,
  states: ReadonlyMap<string, string> = new Map(),
): string {
  if (plugins.length === 0) return "No plugins found\n";
  const blocks = plugins.map((plugin, index) => {
    if (isOnlyEnabled && !plugin.enabled) return "";
    const show = (key: string, text: string): string =>
      secretPaths.has(`plugins.${index}.${key}`) ? HIDDEN : text;
    return [
      `  Name: ${show("name", plugin.name)}`,
      `  Enabled: ${plugin.enabled}`,
      `  Path: ${show("localPath", plugin.localPath)}`,
      `  Args: ${show("args", withoutPasswords(plugin.args.join(" ")))}`,
      "  Env:",
      ...plugin.env.map((assignment) => `    ${assignment.split("=", 1)[0]}=${HIDDEN}`),
      `  Checksum: ${show("checksum", plugin.checksum)}`,
      ...(states.has(plugin.name) ? [`  State: ${states.get(plugin.name)}`] : []),
      "",
    ].join("\n");
  });
  return `Total plugins: ${plugins.length}\nPlugins:\n${blocks.join("")}`;
}
