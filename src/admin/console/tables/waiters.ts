import type { Waiter } from "../../gen/gatewayd/admin/v1/connections_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";

/** `SHOW WAITERS`. */
export const waitersTable = table(
  "waiters",
  "The clients that wait for a connection to the server, the longest first.",
  [
    ["id", TYPES.text, ({ sessionId }: Waiter) => sessionId],
    ["group", TYPES.text, ({ group }: Waiter) => group],
    ["block", TYPES.text, ({ block }: Waiter) => block],
    ["user", TYPES.text, ({ user }: Waiter) => user],
    ["database", TYPES.text, ({ database }: Waiter) => database],
    ["client_address", TYPES.text, ({ clientAddress }: Waiter) => clientAddress],
    ["waited_ms", TYPES.float8, ({ waitedMs }: Waiter) => waitedMs],
    ["place", TYPES.int4, ({ place }: Waiter) => place],
  ],
  async (asker) => (await asker.ask("listWaiters", {})).waiters,
);
