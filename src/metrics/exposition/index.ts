/**
 * What a metrics page is made of: read strictly, merged, and written in both of Prometheus' formats.
 * May import: nothing.
 */
export { escapedHelp, escapedValue } from "./escaped.ts";
export { mergeFamilies } from "./merge-families.ts";
export type { MetricSource } from "./merge-families.ts";
export type { Exemplar, MetricFamily, MetricSample, MetricType } from "./metric-family.ts";
export { parseExposition } from "./parse-exposition.ts";
export { OPEN_METRICS_CONTENT_TYPE, writeOpenMetrics } from "./write-open-metrics.ts";
export { TEXT_CONTENT_TYPE, writeText } from "./write-text.ts";
