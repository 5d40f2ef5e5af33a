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
  /**
   * All processes are started anew so many times in the course of the loads, and the control is a process of its own:
   * where less is to be seen than two processes of the same program may differ by. Undefined: once, and it is the
   * same process.
   */
  readonly generations?: number;
}

/** How often that is in so many rounds. */
export function generationsOf({ generations = 1 }: Suite, rounds: number): number {
  return Math.min(generations, rounds);
}

/** Rows read by their keys, as little work for a server as there can be, by many clients and by one. */
export function steadyReads({ protocols, clients, seconds }: BenchOptions): readonly PlannedLoad[] {
  return protocols
    .filter((protocol) => protocol !== "extended")
    .flatMap((protocol) =>
      clients
        .filter((count) => protocol === "simple" || count > 1)
        .map((count) => ({
          load: { script: "select", protocol, clients: count, seconds, isReconnecting: false },
          withControl: true,
          withAlso: true,
        })),
    );
}

/** Clients that reconnect for each transaction, in every comparison. */
export const CHURN_CLIENTS = 16;
