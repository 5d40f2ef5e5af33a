import { SessionActivity } from "../../gen/gatewayd/admin/v1/admin_pb.ts";
import { TYPES } from "../column-types.ts";
import { table } from "../console-table.ts";
import { userPools } from "./pools.ts";

type Row = readonly [list: string, items: number];

/** `SHOW LISTS`. */
export const listsTable = table(
  "lists",
  "How many there are of what.",
  [
    ["list", TYPES.text, ([list]: Row) => list],
    ["items", TYPES.int4, ([, items]: Row) => items],
  ],
  async (asker): Promise<readonly Row[]> => {
    const [pools, { pools: blocks }, { sessions }, { total }, { plugins }] = await Promise.all([
      userPools(asker),
      asker.ask("listPools", {}),
      asker.ask("listSessions", {}),
      asker.ask("listBackends", { limit: 1 }),
      asker.ask("listPlugins", {}),
    ]);
    const loggingIn = sessions.filter(({ activity }) => activity === SessionActivity.LOGGING_IN);
    return [
      ["databases", blocks.length],
      ["users", new Set(pools.map(({ user }) => user)).size],
      ["pools", pools.length],
      // PgBouncer keeps what it has freed for those who come next; nothing is kept here.
      ["free_clients", 0],
      ["used_clients", sessions.length],
      ["login_clients", loggingIn.length],
      ["free_servers", 0],
      ["used_servers", total],
      // Names are looked up by the system, and not kept.
      ["dns_names", 0],
      ["dns_zones", 0],
      ["dns_queries", 0],
      ["dns_pending", 0],
      ["plugins", plugins.length],
    ];
  },
);
