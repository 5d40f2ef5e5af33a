import type { Tracing } from "./tracing.ts";
import type { TracingOptions } from "./tracing-options.ts";

/** Loads what tracing stands on, and begins to record. Nothing is sent before it is known where to. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const { Tracing } = await import("./tracing.ts");
  return new Tracing(options);
}
