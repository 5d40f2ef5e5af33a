import type { Server } from "../../gen/gatewayd/admin/v1/connections_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

/** `SHOW GROUPS`. */
export const groupsTable = table(
  "groups",
  "Where clients come in, and where they are led to.",
  [
    ["group", TYPES.text, ({ group }: Server) => group],
    ["addresses", TYPES.text, ({ addresses }: Server) => addresses.join(", ")],
    ["listening", TYPES.bool, ({ isListening }: Server) => isListening],
    ["protocol", TYPES.text, ({ protocol }: Server) => protocol],
    ["clients", TYPES.int4, ({ clients }: Server) => clients],
    ["max_connections", TYPES.int4, ({ maxConnections }: Server) => maxConnections],
    ["tls_mode", TYPES.text, ({ tlsMode }: Server) => tlsMode],
    ["strategy", TYPES.text, ({ strategy }: Server) => strategy],
    ["blocks", TYPES.text, ({ blocks }: Server) => blocks.map(({ block }) => block).join(", ")],
  ],
  async (asker) => (await asker.ask("listServers", {})).servers,
);
