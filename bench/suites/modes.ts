import { depth4, direct, pgbouncer, session, transaction } from "../endpoints/index.ts";
import { CHURN_CLIENTS, type Suite } from "./suite.ts";

/** With more clients only the simple protocol is measured: it is about their number. */
const MOST_CLIENTS_OF_ALL_PROTOCOLS = 100;

const WRITING_CLIENTS = 100;

/** Few server connections for many clients. */
export const modesSuite: Suite = {
  poolSize: 20,
  copiesAlso: false,
  idleManners: ["logged in"],
  endpoints: async (context) => [
    direct,
    pgbouncer("transaction"),
    transaction,
    await depth4(context),
    session,
  ],
  plan: ({ parts, protocols, clients, seconds }) => {
    const base = {
      script: "select",
      protocol: "simple",
      seconds,
      isReconnecting: false,
    } as const;
    const steady = protocols.flatMap((protocol) =>
      clients
        .filter((count) => protocol === "simple" || count <= MOST_CLIENTS_OF_ALL_PROTOCOLS)
        .map((count) => ({
          load: { ...base, protocol, clients: count },
          withControl: true,
          withAlso: protocol === "simple" && count <= MOST_CLIENTS_OF_ALL_PROTOCOLS,
        })),
    );
    const churn = { ...base, clients: CHURN_CLIENTS, isReconnecting: true };
    const writes = { ...base, script: "writes", clients: WRITING_CLIENTS } as const;
    return [
      ...(parts.includes("load") ? steady : []),
      ...(parts.includes("churn") ? [{ load: churn, withControl: true, withAlso: false }] : []),
      ...(parts.includes("writes") ? [{ load: writes, withControl: true, withAlso: false }] : []),
    ];
  },
};
