import type { Setting } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

/** `SHOW SETTINGS`. */
export const settingsTable = table(
  "settings",
  "The configuration in effect, and where each value comes from.",
  [
    ["file", TYPES.text, ({ file }: Setting) => file],
    ["path", TYPES.text, ({ path }: Setting) => path],
    ["value", TYPES.text, ({ value }: Setting) => value],
    ["origin", TYPES.text, ({ origin }: Setting) => origin],
  ],
  async (asker) => (await asker.ask("listSettings", {})).settings,
);
