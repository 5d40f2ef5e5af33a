/**
 * The composition root: builds everything from a configuration, boots, drains and stops it.
 * May import: everything but cli.
 */
export { reportStrayError } from "../plugins/index.ts";
export { collectorUrlProblem } from "../tracing/recorder/index.ts";
export { BootTrace } from "./boot-trace.ts";
export type { ControlPort, GroupSnapshot } from "./control-port.ts";
export { ExitCode } from "./exit-codes.ts";
export { Gateway } from "./gateway.ts";
export { GatewayTracing } from "./gateway-tracing.ts";
export { configWithPlugins } from "./config-with-plugins.ts";
export { sayLastWords } from "./last-words.ts";
export type { EvaluateConfig, ReloadReport } from "./reload.ts";
export { runGateway } from "./run-gateway.ts";
export type { RunOptions } from "./run-gateway.ts";
export { servePlugin } from "./serve-plugin.ts";
export { StopSignals } from "./stop-signals.ts";
