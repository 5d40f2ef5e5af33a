/**
 * What is counted, and the pages that Prometheus reads: fed by what the data half tells whoever watches, and by
 * plain snapshots. May import: errors, logging, watch.
 */
export { mergeFamilies, parseExposition, writeText } from "./exposition/index.ts";
export type { MetricFamily, MetricSource } from "./exposition/index.ts";
export { FAMILY_CHAPTERS, FAMILY_TABLE } from "./family-table.ts";
export { GatewayMetrics } from "./gateway-metrics.ts";
export type { BlockTotals, GatewayState } from "./gateway-metrics.ts";
export { HISTORY_KEPT_MS, HISTORY_STEP_MS } from "./history.ts";
export type { BlockHistory } from "./history.ts";
export type { HookCalls } from "./hook-metrics.ts";
export type { ReloadOutcome } from "./reload-metrics.ts";
export { MetricsServer } from "./metrics-server.ts";
export type { MetricsServerOptions } from "./metrics-server.ts";
export { pageSettingsOf, planPages } from "./page-plan.ts";
export type { PlannedListener } from "./page-plan.ts";
