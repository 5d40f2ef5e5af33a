import type { Setting } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

/** `SHOW CONFIG`. */
export const configTable = table(
  "config",
  "The configuration in effect, and where each value comes from.",
  [
    ["key", TYPES.text, ({ path }: Setting) => path],
    ["value", TYPES.text, ({ value }: Setting) => value],
    ["default", TYPES.text, ({ value, origin }: Setting) => (origin === "default" ? value : null)],
    ["changeable", TYPES.text, ({ path }: Setting) => (LOG_LEVEL.test(path) ? "yes" : "no")],
    ["file", TYPES.text, ({ file }: Setting) => file],
    ["origin", TYPES.text, ({ origin }: Setting) => origin],
  ],
  async (asker) => (await asker.ask("listSettings", {})).settings,
);

/** What SET changes. */
const LOG_LEVEL = /^loggers\..+\.level$/;
