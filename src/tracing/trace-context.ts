/** The texts by which the W3C's Trace Context travels. */
import type { TraceContext } from "./tracer.ts";

/** A version, the trace, the span, the flags; later versions may go on behind another dash. */
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const INVALID_VERSION = "ff";
const SAMPLED = 1;
const NOTHING = /^0+$/;

/** As long as intermediaries have to pass on; a longer one is left out. */
const MAX_STATE_LENGTH = 512;
/** Printable, so that it can be a header. */
const STATE = /^[\x20-\x7e]+$/;

/** Reads a `traceparent` and the `tracestate` beside it. Undefined when it names no span. */
export function parseTraceParent(text: string, traceState?: string): TraceContext | undefined {
  const [, version = "", traceId = "", spanId = "", flags = "", more] =
    TRACEPARENT.exec(text.trim()) ?? [];
  if (version === "" || version === INVALID_VERSION) return undefined;
  if (version === "00" && more !== undefined) return undefined;
  if (NOTHING.test(traceId) || NOTHING.test(spanId)) return undefined;
  const isSampled = (Number.parseInt(flags, 16) & SAMPLED) !== 0;
  const state = traceState?.trim() ?? "";
  const isStateFit = state.length <= MAX_STATE_LENGTH && STATE.test(state);
  return { traceId, spanId, isSampled, ...(isStateFit && { traceState: state }) };
}

/** The `traceparent` of a span. */
export function formatTraceParent({ traceId, spanId, isSampled }: TraceContext): string {
  return `00-${traceId}-${spanId}-${isSampled ? "01" : "00"}`;
}
