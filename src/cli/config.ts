import type { CommandGroup } from "./command.ts";
import { configImportCommand } from "./config-import.ts";
import { configInitCommand } from "./config-init.ts";
import { configLintCommand } from "./config-lint.ts";
import { configSchemaCommand } from "./config-schema.ts";
import { configShowCommand } from "./config-show.ts";

/** `gatewayd config`. */
export const configCommand: CommandGroup = {
  kind: "group",
  name: "config",
  summary: "Create, check and show the configuration",
  subcommands: [
    configImportCommand,
    configInitCommand,
    configLintCommand,
    configSchemaCommand,
    configShowCommand,
  ],
};
