import type { PooledBackend } from "../../backend/index.ts";
import { forwardCancel } from "../forward-cancel.ts";
import type { RelayParts } from "./relay-parts.ts";
import type { Leavings } from "./server-hold.ts";

/**
 * How a session leaves its backend; undefined when nobody else can use that.
 * @param backend the one that it has, or had last
 */
export function leavingsOf(
  { options, ledger, requests, answers }: RelayParts,
  backend: PooledBackend | undefined,
): Leavings | undefined {
  // Half a message cannot be taken back.
  if (!requests.isServerAtBoundary) return undefined;
  const { block, context, facts } = options;
  return {
    ledger,
    answers,
    cancel: () => forwardCancel(backend, block.pool.name, context, facts),
    resetQuery: block.resetQuery,
    timers: context.timers,
  };
}
