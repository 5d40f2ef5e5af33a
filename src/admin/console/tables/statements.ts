import type { Statement } from "../../gen/gatewayd/admin/v1/traffic_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

/** `SHOW STATEMENTS`. */
export const statementsTable = table(
  "statements",
  "The statements that have taken most time, without their values.",
  [
    ["group", TYPES.text, ({ group }: Statement) => group],
    ["block", TYPES.text, ({ block }: Statement) => block],
    ["user", TYPES.text, ({ user }: Statement) => user],
    ["database", TYPES.text, ({ database }: Statement) => database],
    ["calls", TYPES.int8, ({ calls }: Statement) => calls],
    ["total_ms", TYPES.float8, ({ totalMs }: Statement) => totalMs],
    ["mean_ms", TYPES.float8, ({ meanMs }: Statement) => meanMs],
    ["max_ms", TYPES.float8, ({ maxMs }: Statement) => maxMs],
    ["waited_ms", TYPES.float8, ({ waitedMs }: Statement) => waitedMs],
    ["rows", TYPES.int8, ({ rows }: Statement) => rows],
    ["errors", TYPES.int8, ({ errors }: Statement) => errors],
    ["fingerprint", TYPES.text, ({ fingerprint }: Statement) => fingerprint],
    ["statement", TYPES.text, ({ statement }: Statement) => statement],
  ],
  async (asker) => (await asker.ask("listStatements", {})).statements,
);
