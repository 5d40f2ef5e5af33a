import type { Setting } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

/** What is told of one key. */
type Row = Pick<Setting, "path" | "value" | "origin" | "needsRestart">;

/** `SHOW CONFIG`. */
export const configTable = table(
  "config",
  "The configuration in effect.",
  [
    ["key", TYPES.text, ({ path }: Row) => path],
    ["value", TYPES.text, ({ value }: Row) => value],
    ["default", TYPES.text, ({ value, origin }: Row) => (origin === "default" ? value : null)],
    ["changeable", TYPES.text, ({ needsRestart }: Row) => (needsRestart ? "no" : "yes")],
  ],
  async (asker) => {
    const { settings } = await asker.ask("listSettings", {});
    const limits = settings.filter(({ path }) => /^servers\.[^.]+\.maxConnections$/.test(path));
    const clients = limits.reduce((total, { value }) => total + Number(value), 0);
    // What exporters look for under PgBouncer's name.
    const known = {
      path: "max_client_conn",
      value: String(clients),
      origin: "",
      needsRestart: false,
    };
    return [...settings, known];
  },
);
