/**
 * Tracing: the interface and the texts by which contexts travel, which every folder may use, and the recorder, which
 * only gateway/ starts: it loads the libraries of OpenTelemetry.
 * May import: errors.
 */
export { collectorUrlProblem } from "./collector-url.ts";
export { startTracing } from "./start-tracing.ts";
export type {
  AttributeValue,
  Attributes,
  Span,
  SpanOptions,
  TraceContext,
  Tracer,
  TracingCounts,
} from "./tracer.ts";
export type { Tracing } from "./tracing.ts";
export type { CollectorOptions, TracingOptions } from "./tracing-options.ts";
