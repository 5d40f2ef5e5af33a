/**
 * Records spans and sends them to a collector. Only gateway/ starts it, and only when it is asked for: then the
 * libraries of OpenTelemetry are loaded.
 * May import: errors, tracing, postgres, watch.
 */
export { collectorUrlProblem } from "./collector-url.ts";
export { HookTraces } from "./hook-traces.ts";
export { ServerTraces } from "./server-traces.ts";
export { startTracing } from "./start-tracing.ts";
export { TrafficTraces } from "./traffic-traces.ts";
export type { Tracing } from "./tracing.ts";
export type { CollectorOptions } from "./tracing-options.ts";
