import {
  answering,
  direct,
  passthrough,
  withGoPlugin,
  withModule,
  withWorker,
} from "../endpoints/index.ts";
import type { Suite } from "./suite.ts";

/** What plugins on the traffic cost, each kind of them. */
export const hooksSuite: Suite = {
  poolSize: 110,
  copiesAlso: false,
  idleManners: [],
  endpoints: async () => [
    direct,
    passthrough,
    withModule,
    withWorker,
    await withGoPlugin(),
    answering,
  ],
  plan: ({ parts, protocols, clients, seconds }) =>
    (parts.includes("load") ? protocols : []).flatMap((protocol) =>
      clients.map((count) => ({
        load: { script: "select", protocol, clients: count, seconds, isReconnecting: false },
        withControl: true,
        withAlso: true,
      })),
    ),
};
