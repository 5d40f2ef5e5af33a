import { cpuTimeMs } from "../../tests/kit/index.ts";
import type { BenchContext } from "../context.ts";
import type { Endpoint, EndpointKind } from "../endpoints/index.ts";
import { settle } from "../measure/index.ts";

/** One turn in every round: a running endpoint under the name its samples get. */
export interface Entry {
  readonly name: string;
  readonly kind: EndpointKind;
  readonly endpoint: Endpoint;
  /** `control`: an endpoint a second time. `also`: a program that is only compared with. */
  readonly role: "endpoint" | "control" | "also";
}

/** The running part of a bench that scenarios measure. */
export interface Field {
  readonly context: BenchContext;
  /** With the control among them. */
  readonly entries: readonly Entry[];
  /** Server connections that each endpoint may hold. */
  readonly poolSize: number;
  readonly database: { readonly pid: number; readonly port: number };
}

/** Waits until the database and all endpoints are quiet, so that nobody pays for the one before. */
export async function settleField({ context, entries, database }: Field): Promise<void> {
  const pids = entries.flatMap(({ endpoint }) =>
    endpoint.pid === undefined ? [] : [endpoint.pid],
  );
  await settle([database.pid, ...new Set(pids)], context.signal);
}

/** Does something, and counts the CPU milliseconds the endpoint's process uses meanwhile; none for direct. */
export async function withCpu<T>(
  endpoint: Endpoint,
  work: () => Promise<T>,
): Promise<{ readonly value: T; readonly cpuMs: number | undefined }> {
  const before = endpoint.pid === undefined ? undefined : cpuTimeMs(endpoint.pid);
  const value = await work();
  if (endpoint.pid === undefined || before === undefined) return { value, cpuMs: undefined };
  return { value, cpuMs: cpuTimeMs(endpoint.pid) - before };
}
