/** The plugins of a gateway: built from the configuration, started, watched, and ended with it. */
import { formatDuration } from "../config/index.ts";
import type { PluginConfig, PluginsConfig } from "../config/index.ts";
import type { HookRegistry, Schedule } from "../hooks/index.ts";
import type { Logger } from "../logging/index.ts";
import type { MetricFamily } from "../metrics/index.ts";
import { PluginMetrics, PluginSet } from "../plugins/index.ts";
import type { BootTrace } from "./boot-trace.ts";
import { pluginHostOf } from "./plugin-host-of.ts";
import type { PluginSurroundings } from "./plugin-host-of.ts";
import { startDelay } from "./start-delay.ts";
import { tracedHost } from "./traced-host.ts";
import { trafficTermsOf } from "./traffic-terms-of.ts";

export interface GatewayPluginsOptions extends PluginSurroundings {
  readonly config: PluginsConfig;
  readonly registry: HookRegistry;
  readonly schedule: Schedule;
  /** Milliseconds that never jump back. */
  readonly now: () => number;
  readonly logger: Logger;
}

export class GatewayPlugins {
  readonly set: PluginSet;
  readonly #options: GatewayPluginsOptions;
  /** Undefined without `enableMetricsMerger`. */
  readonly #metrics: PluginMetrics | undefined;
  /** The step of the boot in which plugins are started; undefined before and after. */
  #boot: BootTrace | undefined;

  constructor(options: GatewayPluginsOptions) {
    const { config, registry, schedule, now, logger } = options;
    this.#options = options;
    const surroundings = {
      ...options,
      startTimeoutMs: config.startTimeout,
      chainTimeoutMs: config.timeout,
      reload: (name: string) => void this.set.reload(name),
    };
    this.set = new PluginSet({
      registry,
      schedule,
      now,
      logger,
      startTimeoutMs: config.startTimeout,
      chainTimeoutMs: config.timeout,
      healthCheckPeriodMs: config.healthCheckPeriod,
      restarts: config.reloadOnCrash,
      entries: config.plugins.map((plugin, index) => ({
        name: plugin.name,
        isEnabled: plugin.enabled,
        onError: plugin.onError,
        traffic: trafficTermsOf(plugin, config),
        ...(plugin.timeout > 0 && { timeoutMs: plugin.timeout }),
        host: tracedHost(pluginHostOf(plugin, surroundings), plugin, index, () => this.#boot),
        runKey: runKeyOf(plugin, config),
      })),
    });
    if (!config.enableMetricsMerger) return;
    const running = () => this.set.running();
    const periodMs = config.metricsMergerPeriod;
    this.#metrics = new PluginMetrics({ running, periodMs, schedule, logger });
  }

  /** Starts those that are enabled; the log tells of those that do not start. Without plugins there is nothing to do. */
  async start(trace: BootTrace): Promise<void> {
    const { config, logger } = this.#options;
    if (config.plugins.length === 0) return;
    this.#boot = trace;
    await this.set.start();
    this.#boot = undefined;
    if (this.#metrics !== undefined) {
      this.#metrics.start();
      logger.info("Started the metrics merger scheduler", {
        metricsMergerPeriod: formatDuration(config.metricsMergerPeriod),
        startDelay: startDelay(config.metricsMergerPeriod),
      });
    }
    if (config.healthCheckPeriod > 0) {
      logger.info("Starting plugin health check scheduler", {
        healthCheckPeriod: formatDuration(config.healthCheckPeriod),
      });
    }
  }

  /** The metrics of those that run, together with what the gateway itself has to tell. */
  metrics(own: readonly MetricFamily[]): readonly MetricFamily[] {
    return this.#metrics?.collect(own) ?? own;
  }

  /** The end is near: nothing is started, pinged or read any more; what runs goes on. */
  quiesce(): void {
    this.set.quiesce();
    this.#metrics?.stop();
  }

  /** Resolves when nothing of them is left. */
  async stop(): Promise<void> {
    this.quiesce();
    await this.set.stop();
  }
}

/** What a run of the plugin depends on: of its entry, and of what holds for all. */
function runKeyOf(plugin: PluginConfig, { timeout }: PluginsConfig): string {
  const { localPath, args, env, passEnv, checksum, isolation, config } = plugin;
  const callTimeoutMs = plugin.timeout > 0 ? plugin.timeout : timeout;
  const { maxHookMessageBytes } = plugin;
  return JSON.stringify([
    ...[localPath, args, env, passEnv, checksum, isolation, config],
    ...[maxHookMessageBytes, callTimeoutMs],
  ]);
}
