import type { Rule } from "../../gen/gatewayd/admin/v1/policies_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

/** `SHOW RULES`. */
export const rulesTable = table(
  "rules",
  "What decides about requests without a plugin, and how often it did.",
  [
    ["name", TYPES.text, ({ name }: Rule) => name],
    ["hook", TYPES.text, ({ hook }: Rule) => hook],
    ["condition", TYPES.text, ({ condition }: Rule) => condition],
    ["action", TYPES.text, ({ action }: Rule) => action],
    ["enabled", TYPES.bool, ({ isEnabled }: Rule) => isEnabled],
    ["dry_run", TYPES.bool, ({ isDryRun }: Rule) => isDryRun],
    ["evaluations", TYPES.int8, ({ evaluations }: Rule) => evaluations],
    ["hits", TYPES.int8, ({ hits }: Rule) => hits],
    ["actions", TYPES.int8, ({ actions }: Rule) => actions],
    ["failures", TYPES.int8, ({ failures }: Rule) => failures],
  ],
  async (asker) => (await asker.ask("listPolicies", {})).rules,
);
