import type { Plugin } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

/** `SHOW PLUGINS`. */
export const pluginsTable = table(
  "plugins",
  "The plugins, in the order in which they are called.",
  [
    ["name", TYPES.text, ({ name }: Plugin) => name],
    ["version", TYPES.text, ({ version }: Plugin) => version],
    ["enabled", TYPES.bool, ({ isEnabled }: Plugin) => isEnabled],
    ["state", TYPES.text, ({ state }: Plugin) => state],
    ["reason", TYPES.text, ({ reason }: Plugin) => reason],
    ["priority", TYPES.int4, ({ priority }: Plugin) => priority],
    ["on_error", TYPES.text, ({ onError }: Plugin) => onError],
    ["restarts", TYPES.int4, ({ restarts }: Plugin) => restarts],
    ["hooks", TYPES.text, ({ hooks }: Plugin) => hooks.join(", ")],
  ],
  async (asker) => (await asker.ask("listPlugins", {})).plugins,
);
