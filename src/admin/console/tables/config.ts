import type { Setting } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

/** `SHOW CONFIG`. */
export const configTable = table(
  "config",
  "The configuration in effect.",
  [
    ["key", TYPES.text, ({ path }: Setting) => path],
    ["value", TYPES.text, ({ value }: Setting) => value],
    ["default", TYPES.text, ({ value, origin }: Setting) => (origin === "default" ? value : null)],
    ["changeable", TYPES.text, ({ needsRestart }: Setting) => (needsRestart ? "no" : "yes")],
  ],
  async (asker) => (await asker.ask("listSettings", {})).settings,
);
