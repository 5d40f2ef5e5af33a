import type { Policy } from "../../gen/gatewayd/admin/v1/policies_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

/** `SHOW POLICIES`. */
export const policiesTable = table(
  "policies",
  "What decides about the signals of plugins, and what it has said.",
  [
    ["name", TYPES.text, ({ name }: Policy) => name],
    ["expression", TYPES.text, ({ expression }: Policy) => expression],
    ["built_in", TYPES.bool, ({ isBuiltIn }: Policy) => isBuiltIn],
    ["evaluations", TYPES.int8, ({ evaluations }: Policy) => evaluations],
    ["allowed", TYPES.int8, ({ allowed }: Policy) => allowed],
    ["refused", TYPES.int8, ({ refused }: Policy) => refused],
    ["failures", TYPES.int8, ({ failures }: Policy) => failures],
  ],
  async (asker) => (await asker.ask("listPolicies", {})).policies,
);
