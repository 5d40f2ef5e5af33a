import { type GlobalConfig, type TracingConfig, tracingSchema } from "./schema/index.ts";

/** Where traces go, and how many: also where the file says nothing of it. */
export function effectiveTracing({ tracing }: Pick<GlobalConfig, "tracing">): TracingConfig {
  return tracing ?? tracingSchema.parse({});
}
