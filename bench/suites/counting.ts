import { transaction, uncounted } from "../endpoints/index.ts";
import { steadyReads, type Suite } from "./suite.ts";

/** What metrics cost in transaction mode. */
export const countingSuite: Suite = {
  poolSize: 20,
  copiesAlso: false,
  idleManners: [],
  generations: 16,
  endpoints: async () => [transaction, uncounted],
  plan: steadyReads,
};
