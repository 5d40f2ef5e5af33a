import { direct, passthrough, pgbouncer } from "../endpoints/index.ts";
import { CHURN_CLIENTS, type Suite } from "./suite.ts";

/** A server connection for each client, until it leaves. */
export const passthroughSuite: Suite = {
  // More than the most clients of a load, and small enough for all endpoints' pools together.
  poolSize: 110,
  copiesAlso: true,
  idleManners: ["silent", "startup"],
  endpoints: async () => [direct, pgbouncer("session"), passthrough],
  plan: ({ parts, protocols, clients, seconds }) => {
    const steady = protocols.flatMap((protocol) =>
      clients.map((count) => {
        // To a relay the protocols are all the same: simple, several clients judge it.
        const isJudged = protocol === "simple" && count > 1;
        return {
          load: { script: "select", protocol, clients: count, seconds, isReconnecting: false },
          withControl: isJudged,
          withAlso: isJudged,
        } as const;
      }),
    );
    const churn = {
      load: {
        script: "select",
        protocol: "simple",
        clients: CHURN_CLIENTS,
        seconds,
        isReconnecting: true,
      },
      withControl: true,
      withAlso: true,
    } as const;
    return [...(parts.includes("load") ? steady : []), ...(parts.includes("churn") ? [churn] : [])];
  },
};
