import type { Pool } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

/** `SHOW BLOCKS`. */
export const blocksTable = table(
  "blocks",
  "The server connections of each block, and the clients that wait for one.",
  [
    ["group", TYPES.text, ({ group }: Pool) => group],
    ["block", TYPES.text, ({ block }: Pool) => block],
    ["mode", TYPES.text, ({ mode }: Pool) => mode],
    ["address", TYPES.text, ({ address }: Pool) => address],
    ["size", TYPES.int4, ({ size }: Pool) => size],
    ["available", TYPES.int4, ({ available }: Pool) => available],
    ["leased", TYPES.int4, ({ leased }: Pool) => leased],
    ["retiring", TYPES.int4, ({ retiring }: Pool) => retiring],
    ["waiting", TYPES.int4, ({ waiting }: Pool) => waiting],
    ["paused", TYPES.bool, ({ isPaused }: Pool) => isPaused],
  ],
  async (asker) => (await asker.ask("listPools", {})).pools,
);
