import { GatewayError } from "../../errors.ts";
import type { Schedule } from "../../hooks/index.ts";
import type { Logger } from "../../logging/index.ts";
import { mergeFamilies, parseExposition } from "../../metrics/index.ts";
import type { MetricFamily, MetricSource } from "../../metrics/index.ts";
import type { RunningPlugin } from "../plugin-host.ts";
import { withinTime } from "../within-time.ts";

export interface PluginMetricsOptions {
  /** Those that serve at the moment. */
  readonly running: () => readonly RunningPlugin[];
  /** Time between two reads. */
  readonly periodMs: number;
  readonly schedule: Schedule;
  readonly logger: Logger;
}

/** A plugin that has not told its metrics by then is left out. */
const READ_LIMIT_MS = 5_000;

/**
 * The metrics of all plugins, read every so often, and merged with the gateway's when they are asked for. A plugin that cannot
 * be read, or whose text is not in order, is left out until it can; so is one that does not serve.
 */
export class PluginMetrics {
  readonly #options: PluginMetricsOptions;
  readonly #families = new WeakMap<RunningPlugin, readonly MetricFamily[]>();
  /** Why a plugin could not be read the last time: problems are told once. */
  readonly #unread = new Map<string, string>();
  /** Which families were left out the last time, and why. */
  #conflicts: ReadonlyMap<string, string> = new Map();
  #cancelTimer = (): void => {};
  #isStopped = false;

  constructor(options: PluginMetricsOptions) {
    this.#options = options;
  }

  /** Reads now, then every so often until {@link stop}. */
  start(): void {
    void this.#read();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
  }

  /** All of them, each sample with the label `plugin`, together with what the gateway itself has to tell. */
  collect(own: readonly MetricFamily[]): readonly MetricFamily[] {
    const sources = this.#options.running().flatMap((plugin): MetricSource[] => {
      const families = this.#families.get(plugin);
      return families === undefined ? [] : [{ plugin: plugin.description.name, families }];
    });
    const { families, conflicts } = mergeFamilies([
      { plugin: undefined, families: own },
      ...sources,
    ]);
    const known = this.#conflicts;
    const found = new Map<string, string>();
    for (const { plugin, family, problem } of conflicts) {
      const about = `${plugin} ${family}`;
      found.set(about, problem);
      if (known.get(about) !== problem) this.#tell(problem, { name: plugin, metric: family });
    }
    this.#conflicts = found;
    return families;
  }

  async #read(): Promise<void> {
    const { running, schedule, periodMs } = this.#options;
    await Promise.all(running().map((plugin) => this.#readOne(plugin)));
    if (this.#isStopped) return;
    this.#cancelTimer = schedule(periodMs, () => void this.#read());
  }

  async #readOne(plugin: RunningPlugin): Promise<void> {
    const { schedule } = this.#options;
    const { name } = plugin.description;
    const limit = { schedule, limitMs: READ_LIMIT_MS, what: "reading its metrics" };
    try {
      const text = await withinTime(limit, (signal) => plugin.scrape(signal));
      if (text === undefined) this.#families.delete(plugin);
      else this.#families.set(plugin, parseExposition(text));
      this.#unread.delete(name);
    } catch (thrown) {
      this.#families.delete(plugin);
      const reason = GatewayError.from(thrown).message;
      if (this.#unread.get(name) !== reason) this.#tell(reason, { name });
      this.#unread.set(name, reason);
    }
  }

  #tell(reason: string, fields: Readonly<Record<string, string>>): void {
    if (this.#isStopped) return;
    this.#options.logger.warn("The metrics of a plugin are left out", { ...fields, reason });
  }
}
