import type { BenchContext } from "../context.ts";
import type { AbsentEndpoint, EndpointKind } from "../endpoints/index.ts";
import type { BenchOptions } from "../options.ts";
import type { IdleResult } from "../result.ts";
import type { PlannedLoad } from "../scenarios/index.ts";

/** One comparison: who is compared, and by what. */
export interface Suite {
  /** Server connections of every endpoint while loads and COPY are measured. */
  readonly poolSize: number;
  /** Other programs of `--also` copy, too; a pool that knows nothing of slow readers would lose bytes. */
  readonly copiesAlso: boolean;
  /** How clients wait while memory is measured. */
  readonly idleManners: readonly IdleResult["manner"][];
  /** The columns of the tables, but for programs of the command line, with those that cannot be had. */
  readonly endpoints: (
    context: BenchContext,
  ) => Promise<readonly (EndpointKind | AbsentEndpoint)[]>;
  readonly plan: (options: BenchOptions) => readonly PlannedLoad[];
}

/** Clients that reconnect for each transaction, in every comparison. */
export const CHURN_CLIENTS = 16;
