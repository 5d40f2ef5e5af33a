/** The metrics pages of a gateway: who is counted, and where the figures are served. */
import { splitHostPort } from "../config/index.ts";
import type { GlobalConfig } from "../config/index.ts";
import type { Logger } from "../logging/index.ts";
import {
  GatewayMetrics,
  MetricsServer,
  pageSettingsOf,
  planPages,
  writeText,
} from "../metrics/index.ts";
import type {
  BlockHistory,
  BlockTotals,
  GatewayState,
  HookCalls,
  MetricFamily,
  ReloadOutcome,
} from "../metrics/index.ts";
import type { GroupWatch, HookWatch, TraceIdOf } from "../watch/index.ts";

export interface GatewayPagesOptions {
  readonly version: string;
  readonly metrics: GlobalConfig["metrics"];
  /** Milliseconds that never jump back. */
  readonly now: () => number;
  /** Undefined where nothing is traced. */
  readonly traceIdOf: TraceIdOf | undefined;
  readonly loggerOf: (group: string) => Logger;
  /** Looked at whenever a page is read. */
  readonly state: () => GatewayState;
  /** With those of plugins. */
  readonly withPlugins: (own: readonly MetricFamily[]) => readonly MetricFamily[];
}

const ALL_HOSTS = "0.0.0.0";
/** What `localhost` means to most readers; a name may lead to an address that they do not try. */
const LOCAL_HOST = "127.0.0.1";

export class GatewayPages {
  readonly #options: GatewayPagesOptions;
  readonly #metrics: GatewayMetrics;
  #servers: readonly MetricsServer[] = [];

  constructor(options: GatewayPagesOptions) {
    const { version, now, traceIdOf } = options;
    this.#options = options;
    const groups = (): GatewayState["groups"] => options.state().groups;
    this.#metrics = new GatewayMetrics({ version, now, traceIdOf, groups });
  }

  /** Undefined when no page is served: then nothing is counted. */
  get hookWatch(): HookWatch | undefined {
    return this.#isAnyServed ? this.#metrics.hooks : undefined;
  }

  /** How long plugins took so far; undefined when that is not counted. */
  hookCalls(): readonly HookCalls[] | undefined {
    return this.#isAnyServed ? this.#metrics.hooks.calls() : undefined;
  }

  /** Undefined for a group that is on no page. */
  watchOf(group: string, metrics: GlobalConfig["metrics"]): GroupWatch | undefined {
    return pageSettingsOf(metrics, group) && this.#metrics.group(group);
  }

  apiRequested(verb: string, endpoint: string, failure: string | undefined): void {
    this.#metrics.api.requested(verb, endpoint, failure);
  }

  /** The configuration was to be read again. */
  reloaded(outcome: ReloadOutcome): void {
    this.#metrics.reloads.counted(outcome);
  }

  ticked(): void {
    this.#metrics.ticked();
  }

  /**
   * Begins to serve; an address that cannot be had is tried again and again, and holds up nothing.
   * @param takesOver another gateway may serve its own there until it leaves the address to this one
   */
  async open(
    metrics: GlobalConfig["metrics"],
    groups: readonly string[],
    takesOver: boolean,
  ): Promise<void> {
    const plan = planPages(metrics, groups);
    if (plan.length === 0) return;
    this.#metrics.start();
    this.#servers = plan.map(({ address, settings, pages }) => {
      const { host, port } = splitHostPort(address) ?? { host: LOCAL_HOST, port: 0 };
      const [first = ""] = pages[0]?.groups ?? [];
      const { certFile, keyFile } = settings;
      return new MetricsServer({
        host: hostOf(host),
        port,
        takesOver,
        tls: certFile === "" ? undefined : { certFile, keyFile },
        readHeaderTimeoutMs: settings.readHeaderTimeout,
        timeoutMs: settings.timeout,
        pages: new Map(
          pages.map(({ path, groups: shown, isOfAll }) => [
            path,
            () => this.#families((group) => shown.has(group), isOfAll),
          ]),
        ),
        logger: this.#options.loggerOf(first),
      });
    });
    await Promise.all(this.#servers.map((server) => server.listen()));
  }

  /** What the blocks of the groups that are counted have done so far. */
  totals(): readonly BlockTotals[] {
    return this.#metrics.totals();
  }

  /** What the last minutes were like: the groups that are counted, later than `sinceMs` since 1970. */
  history(sinceMs: number): readonly BlockHistory[] {
    return this.#metrics.history.since(sinceMs);
  }

  /** All there is to tell, in Prometheus' text format. */
  text(): string {
    return writeText(this.#families(() => true, true));
  }

  async close(): Promise<void> {
    this.#metrics.stop();
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  get #isAnyServed(): boolean {
    return Object.values(this.#options.metrics).some(({ enabled }) => enabled);
  }

  #families(isWanted: (group: string) => boolean, isOfAll: boolean): readonly MetricFamily[] {
    const { state, withPlugins } = this.#options;
    const own = this.#metrics.families(state(), isWanted, isOfAll);
    return isOfAll ? withPlugins(own) : own;
  }
}

function hostOf(host: string): string {
  if (host === "") return ALL_HOSTS;
  return host === "localhost" ? LOCAL_HOST : host;
}
