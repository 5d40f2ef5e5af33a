/** Passes a client's wish to cancel on to its server, on a connection of its own. */
import { sendCancelRequest } from "../backend/index.ts";
import type { CancelServer } from "../backend/index.ts";
import { GatewayError } from "../errors.ts";
import { connectionFields } from "../watch/index.ts";
import type { SessionContext } from "./session-context.ts";
import type { SessionFacts } from "./session-facts.ts";

/** The server connection whose query is to be cancelled. */
export interface CancelTarget extends CancelServer {
  /** Process id and secret that the server gave; undefined from one that has none. */
  readonly keyData: Uint8Array | undefined;
  /** Set when a request has not come to its end, and may strike whatever runs there later. */
  mayBeStruck?: boolean;
}

/**
 * Resolves when the server was told, or could not be, which is logged. Never rejects.
 * @param target undefined: there is nothing to cancel
 * @param facts of the session whose query it is, where it is one session's
 */
export async function forwardCancel(
  target: CancelTarget | undefined,
  name: string,
  context: Pick<SessionContext, "timers" | "logger" | "watch" | "traceIdOf">,
  facts?: SessionFacts,
): Promise<void> {
  if (target?.keyData === undefined) return;
  const { timers, logger, watch, traceIdOf } = context;
  watch?.block(name).cancelSent();
  try {
    const isOver = await sendCancelRequest(target, target.keyData, timers);
    if (!isOver) target.mayBeStruck = true;
  } catch (thrown) {
    const error = GatewayError.from(thrown);
    logger.warn("Failed to send a cancel request to the server", {
      error,
      name,
      ...(facts && connectionFields(facts, traceIdOf)),
    });
  }
}
