import type { CommandGroup } from "./command.ts";
import { pluginInitCommand } from "./plugin-init.ts";
import { pluginLintCommand } from "./plugin-lint.ts";
import { pluginListCommand } from "./plugin-list.ts";

/** `gatewayd plugin`. */
export const pluginCommand: CommandGroup = {
  kind: "group",
  name: "plugin",
  summary: "Create, check and list the plugins configuration",
  subcommands: [pluginInitCommand, pluginLintCommand, pluginListCommand],
};
