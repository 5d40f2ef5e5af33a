import { tracedAt, transaction } from "../endpoints/index.ts";
import { steadyReads, type Suite } from "./suite.ts";

/** What tracing costs in transaction mode, of one unit in a hundred and of all. Spans are sent to somebody who takes them. */
export const tracingSuite: Suite = {
  poolSize: 20,
  copiesAlso: false,
  idleManners: [],
  generations: 16,
  endpoints: async () => [
    transaction,
    tracedAt("gatewayd-traced-1%", 0.01),
    {
      ...tracedAt("gatewayd-traced", 1),
      refuses: ({ clients, protocol }) =>
        clients > 1 && protocol === "simple" ? undefined : "what all spans cost is shown once",
    },
  ],
  plan: steadyReads,
};
