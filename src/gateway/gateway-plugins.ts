/** The plugins of a gateway: built from the configuration, started, watched, changed with it, and ended. */
import { formatDuration } from "../config/index.ts";
import type { PluginConfig, PluginsConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import type { HookRegistry, Schedule } from "../hooks/index.ts";
import type { Logger } from "../logging/index.ts";
import type { MetricFamily } from "../metrics/index.ts";
import { PluginMetrics, PluginSet } from "../plugins/index.ts";
import type { PluginChange, PluginEntry, PluginSetOptions } from "../plugins/index.ts";
import type { BootTrace } from "./boot-trace.ts";
import { pluginHostOf } from "./plugin-host-of.ts";
import type { PluginSurroundings } from "./plugin-host-of.ts";
import type { PreparedPart, ReloadPart } from "./reload-part.ts";
import type { ReloadPlan } from "./reload-plan.ts";
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

export class GatewayPlugins implements ReloadPart {
  readonly name = "plugins";
  readonly set: PluginSet;
  readonly #options: GatewayPluginsOptions;
  #config: PluginsConfig;
  /** Undefined without `enableMetricsMerger`. */
  #metrics: PluginMetrics | undefined;
  /** The step of the boot in which plugins are started; undefined before and after. */
  #boot: BootTrace | undefined;

  constructor(options: GatewayPluginsOptions) {
    this.#options = options;
    this.#config = options.config;
    this.set = new PluginSet(this.#setOptions(options.config));
    this.#metrics = this.#newMetrics(options.config);
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

  /**
   * Plugins that are new or changed have to be there, and the ones that were meant. What has to be started is so
   * afterwards; the order of those that run changes at once.
   */
  async prepare({ after }: Pick<ReloadPlan, "after">): Promise<PreparedPart> {
    await this.#verify(after.plugins);
    return { apply: () => this.#reconfigure(after.plugins) };
  }

  /** @throws GatewayError ERR_CONFIG_INVALID, as a rejection, naming each plugin that cannot be had */
  async #verify(config: PluginsConfig): Promise<void> {
    const known = new Map(this.#config.plugins.map((plugin) => [plugin.name, plugin]));
    const problems = await Promise.all(
      this.#entriesOf(config).map(async ({ name, isEnabled, host, runKey }) => {
        const before = known.get(name);
        const isKnown = before?.enabled === true && runKeyOf(before, this.#config) === runKey;
        if (!isEnabled || isKnown) return [];
        try {
          await host.verify();
          return [];
        } catch (thrown) {
          return [`plugin ${name}: ${GatewayError.from(thrown).message}`];
        }
      }),
    );
    if (problems.flat().length === 0) return;
    throw new GatewayError("ERR_CONFIG_INVALID", problems.flat().join("\n"));
  }

  async #reconfigure(config: PluginsConfig): Promise<readonly string[]> {
    const { registry } = this.#options;
    const before = this.#config;
    this.#config = config;
    registry.limit(config.timeout);
    const changing = this.set.reconfigure(this.#setOptions(config));
    this.#followMetrics(before, config);
    return (await changing).flatMap(shortcomings);
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

  #setOptions(config: PluginsConfig): PluginSetOptions {
    const { registry, schedule, now, logger } = this.#options;
    return {
      registry,
      schedule,
      now,
      logger,
      startTimeoutMs: config.startTimeout,
      chainTimeoutMs: config.timeout,
      healthCheckPeriodMs: config.healthCheckPeriod,
      restarts: config.reloadOnCrash,
      entries: this.#entriesOf(config),
    };
  }

  #entriesOf(config: PluginsConfig): readonly PluginEntry[] {
    const surroundings = {
      ...this.#options,
      startTimeoutMs: config.startTimeout,
      chainTimeoutMs: config.timeout,
      reload: (name: string) => void this.set.reload(name),
    };
    return config.plugins.map((plugin, index) => ({
      name: plugin.name,
      isEnabled: plugin.enabled,
      onError: plugin.onError,
      traffic: trafficTermsOf(plugin, config),
      ...(plugin.timeout > 0 && { timeoutMs: plugin.timeout }),
      host: tracedHost(pluginHostOf(plugin, surroundings), plugin, index, () => this.#boot),
      runKey: runKeyOf(plugin, config),
    }));
  }

  #newMetrics(config: PluginsConfig): PluginMetrics | undefined {
    if (!config.enableMetricsMerger) return undefined;
    const { schedule, logger } = this.#options;
    const running = () => this.set.running();
    return new PluginMetrics({ running, periodMs: config.metricsMergerPeriod, schedule, logger });
  }

  /** They are read on other terms, or of plugins where there were none. */
  #followMetrics(before: PluginsConfig, config: PluginsConfig): void {
    const hadPlugins = before.plugins.length > 0;
    const isSame =
      before.enableMetricsMerger === config.enableMetricsMerger &&
      before.metricsMergerPeriod === config.metricsMergerPeriod &&
      hadPlugins === config.plugins.length > 0;
    if (isSame) return;
    this.#metrics?.stop();
    this.#metrics = this.#newMetrics(config);
    if (config.plugins.length > 0) this.#metrics?.start();
  }
}

function shortcomings({ name, change, problem }: PluginChange): readonly string[] {
  if (problem === undefined) return [];
  const isKept = change === "reloaded";
  return [
    `plugin ${name}: ${isKept ? "its new run does not start" : "it does not run"}: ${problem}`,
  ];
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
