/**
 * The metrics of plugins: read from each, checked, and merged into one text.
 * May import: the plugins' interface, hooks, errors, logging.
 */
export { PluginMetrics } from "./plugin-metrics.ts";
