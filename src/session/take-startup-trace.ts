import { takeFromStartup } from "../postgres/index.ts";
import type { SessionFacts } from "./session-facts.ts";

/** Of the W3C's Trace Context. */
const TRACE_PARAMETERS: ReadonlySet<string> = new Set(["traceparent", "tracestate"]);

/**
 * Takes out of a StartupMessage what the client says of its trace, and into the facts: that is for the gateway,
 * and a server does not know such parameters.
 * @returns what is for the server
 */
export function takeStartupTrace(sent: Uint8Array, facts: SessionFacts): Uint8Array {
  const { message, taken } = takeFromStartup(sent, TRACE_PARAMETERS);
  const traceparent = taken.get("traceparent");
  if (traceparent !== undefined) {
    facts.startupTrace = { traceparent, tracestate: taken.get("tracestate") };
  }
  return message;
}
