/**
 * The metrics of plugins: read from each, checked, and merged.
 * May import: the plugins' interface, hooks, metrics, errors, logging.
 */
export { PluginMetrics } from "./plugin-metrics.ts";
