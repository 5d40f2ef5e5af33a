/** All that is counted in one gateway, and what becomes of it on a page. */
import type { MetricFamily } from "./exposition/index.ts";
import { ApiMetrics } from "./api-metrics.ts";
import { Figures } from "./figures.ts";
import { collectGroup, collectPlugins } from "./gateway-figures.ts";
import type { GroupFigures, PluginFigures } from "./gateway-figures.ts";
import { GroupMetrics } from "./group-metrics.ts";
import { History, NO_COUNTS } from "./history.ts";
import type { BlockCounts, BlockReading } from "./history.ts";
import { HookMetrics } from "./hook-metrics.ts";
import { collectLogs, collectSpans } from "./telemetry-figures.ts";
import type { LogFigures, SpanFigures } from "./telemetry-figures.ts";
import { ProcessMetrics } from "./process-metrics.ts";
import { ReloadMetrics } from "./reload-metrics.ts";

export interface GatewayMetricsOptions {
  readonly version: string;
  /** Milliseconds that never jump back. */
  readonly now: () => number;
  /** The groups as they are, for the history. */
  readonly groups: () => readonly GroupFigures[];
}

export interface BlockTotals extends BlockCounts {
  readonly group: string;
  readonly block: string;
}

/** What is not counted but looked at. */
export interface GatewayState {
  readonly groups: readonly GroupFigures[];
  readonly plugins: readonly PluginFigures[];
  readonly logs: readonly LogFigures[];
  /** Undefined where nothing is traced. */
  readonly spans: SpanFigures | undefined;
}

export class GatewayMetrics {
  readonly hooks: HookMetrics;
  readonly history: History;
  readonly api = new ApiMetrics();
  readonly reloads = new ReloadMetrics();
  readonly #options: GatewayMetricsOptions;
  readonly #process: ProcessMetrics;
  readonly #groups = new Map<string, GroupMetrics>();
  #ticks = 0;

  constructor(options: GatewayMetricsOptions) {
    this.#options = options;
    this.hooks = new HookMetrics(options.now);
    this.history = new History({ read: () => this.#readings(), now: options.now });
    this.#process = new ProcessMetrics(options.version);
  }

  /** Watches the process, and keeps its history, until {@link stop}. */
  start(): void {
    this.#process.start();
    this.history.start();
  }

  stop(): void {
    this.#process.stop();
    this.history.stop();
  }

  /** The same one each time. */
  group(name: string): GroupMetrics {
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const group = new GroupMetrics(name);
    this.#groups.set(name, group);
    return group;
  }

  /** A ticker has ticked. */
  ticked(): void {
    this.#ticks++;
  }

  /**
   * @param isWanted whether the series of a group are to be there
   * @param isOfAll what belongs to no group is to be there
   */
  families(
    state: GatewayState,
    isWanted: (group: string) => boolean,
    isOfAll: boolean,
  ): readonly MetricFamily[] {
    const figures = new Figures();
    for (const group of state.groups) if (isWanted(group.group)) collectGroup(figures, group);
    for (const [name, group] of this.#groups) if (isWanted(name)) group.collect(figures);
    if (isOfAll) {
      collectPlugins(figures, state.plugins);
      collectLogs(figures, state.logs);
      if (state.spans !== undefined) collectSpans(figures, state.spans);
      figures.set("gatewayd_server_ticks_fired_total", {}, this.#ticks);
      this.hooks.collect(figures);
      this.api.collect(figures);
      this.reloads.collect(figures);
      this.#process.collect(figures);
    }
    return figures.families();
  }

  /** What the blocks of the groups that are counted have done so far. */
  totals(): readonly BlockTotals[] {
    return this.#options.groups().flatMap(({ group, pools }) => {
      const counted = this.#groups.get(group);
      if (counted === undefined) return [];
      return Object.keys(pools).map((block) => {
        return { group, block, ...(counted.countsOf(block) ?? NO_COUNTS) };
      });
    });
  }

  /** Of the groups that are counted. */
  #readings(): readonly BlockReading[] {
    return this.#options.groups().flatMap(({ group, pools, clientsOf }) =>
      Object.entries(pools).flatMap(([block, { leased, waiting }]) => {
        const counts = this.#groups.get(group)?.countsOf(block);
        const clients = clientsOf[block]?.count ?? 0;
        return counts === undefined ? [] : [{ group, block, counts, clients, leased, waiting }];
      }),
    );
  }
}
