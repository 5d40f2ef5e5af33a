import { pluginDisableCommand, pluginEnableCommand, pluginReloadCommand } from "./admin/index.ts";
import type { CommandGroup } from "./command.ts";
import { pluginInitCommand } from "./plugin-init.ts";
import { pluginInstallCommand } from "./plugin-install.ts";
import { pluginLintCommand } from "./plugin-lint.ts";
import { pluginListCommand } from "./plugin-list.ts";
import { pluginScaffoldCommand } from "./plugin-scaffold.ts";
import { pluginServeCommand } from "./plugin-serve.ts";

/** `gatewayd plugin`. */
export const pluginCommand: CommandGroup = {
  kind: "group",
  name: "plugin",
  summary: "Begin and install plugins, create, check and list their configuration, and reload them",
  subcommands: [
    pluginDisableCommand,
    pluginEnableCommand,
    pluginInitCommand,
    pluginInstallCommand,
    pluginLintCommand,
    pluginListCommand,
    pluginReloadCommand,
    pluginScaffoldCommand,
    pluginServeCommand,
  ],
};
