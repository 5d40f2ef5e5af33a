import { tracedAt, transaction } from "../endpoints/index.ts";
import type { Suite } from "./suite.ts";

/** What tracing costs in transaction mode, of one unit in a hundred and of all. There is no collector. */
export const tracingSuite: Suite = {
  poolSize: 20,
  copiesAlso: false,
  idleManners: [],
  endpoints: async () => [
    transaction,
    tracedAt("gatewayd-traced-1%", 0.01),
    tracedAt("gatewayd-traced", 1),
  ],
  plan: ({ protocols, clients, seconds }) =>
    protocols.flatMap((protocol) =>
      clients.map((count) => ({
        load: { script: "select", protocol, clients: count, seconds, isReconnecting: false },
        withControl: true,
        withAlso: true,
      })),
    ),
};
