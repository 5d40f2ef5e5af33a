/**
 * Tracing, as far as everybody knows of it: what a span is, and the texts by which contexts travel. Whoever has none
 * where a tracer could be traces nothing.
 * May import: errors.
 */
export { formatTraceParent, parseTraceParent } from "./trace-context.ts";
export type {
  AttributeValue,
  Attributes,
  Span,
  SpanOptions,
  TraceContext,
  Tracer,
  TracingCounts,
} from "./tracer.ts";
