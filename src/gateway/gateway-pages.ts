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
  MetricsServerOptions,
  PlannedListener,
  ReloadOutcome,
} from "../metrics/index.ts";
import type { GroupListener, HookWatch } from "../watch/index.ts";
import { isMissing, pageCertificate } from "./page-certificate.ts";
import type { PageCertificate } from "./page-certificate.ts";
import type { PreparedPart, ReloadPart } from "./reload-part.ts";
import type { ReloadPlan } from "./reload-plan.ts";
import { WatchedFiles } from "./watched-files.ts";

export interface GatewayPagesOptions {
  readonly version: string;
  readonly metrics: GlobalConfig["metrics"];
  /** Milliseconds that never jump back. */
  readonly now: () => number;
  readonly loggerOf: (group: string) => Logger;
  /** Looked at whenever a page is read. */
  readonly state: () => GatewayState;
  /** With those of plugins. */
  readonly withPlugins: (own: readonly MetricFamily[]) => readonly MetricFamily[];
}

const ALL_HOSTS = "0.0.0.0";
/** What `localhost` means to most readers; a name may lead to an address that they do not try. */
const LOCAL_HOST = "127.0.0.1";

/** What is served at one address. */
interface Place {
  readonly server: MetricsServer;
  readonly certificate: WatchedFiles<PageCertificate>;
}

export class GatewayPages implements ReloadPart {
  readonly name = "metrics pages";
  readonly #options: GatewayPagesOptions;
  readonly #metrics: GatewayMetrics;
  /** By address. */
  readonly #places = new Map<string, Place>();
  /** Groups whose sessions are counted. */
  readonly #counted = new Set<string>();
  #takesOver = false;

  constructor(options: GatewayPagesOptions) {
    const { version, now } = options;
    this.#options = options;
    const groups = (): GatewayState["groups"] => options.state().groups;
    this.#metrics = new GatewayMetrics({ version, now, groups });
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
  watchOf(group: string, metrics: GlobalConfig["metrics"]): GroupListener | undefined {
    if (pageSettingsOf(metrics, group) === undefined) return undefined;
    this.#counted.add(group);
    return this.#metrics.group(group);
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
    this.#takesOver = takesOver;
    const plan = planPages(metrics, groups);
    if (plan.length === 0) return;
    this.#metrics.start();
    for (const listener of plan) this.#add(listener, this.#certificateOf(listener, true));
    await Promise.all(Array.from(this.#places.values(), ({ server }) => server.listen()));
  }

  /** What the blocks of the groups that are counted have done so far. */
  totals(): readonly BlockTotals[] {
    return this.#metrics.totals();
  }

  /** What the last minutes were like: the groups that are counted, later than `sinceMs` since 1970. */
  history(sinceMs: number): readonly BlockHistory[] {
    return this.#metrics.history.since(sinceMs);
  }

  /**
   * An address that is new is served before one that is gone is closed. A certificate that cannot be used is no good;
   * an address that cannot be had is tried again and again, as at the start.
   */
  prepare({ after }: Pick<ReloadPlan, "after">): PreparedPart {
    const { metrics, servers } = after.global;
    const plan = planPages(metrics, Object.keys(servers));
    const steps = plan.map((listener) => {
      const known = this.#places.get(listener.address);
      if (known === undefined) {
        const certificate = this.#certificateOf(listener, false);
        return async () => await this.#add(listener, certificate).listen();
      }
      const isLenient = isMissing(known.certificate.current);
      const other = known.certificate.prepare(pageCertificate(listener.settings, isLenient));
      return async () => {
        await known.server.follow(this.#serverOptions(listener, known.certificate));
        await other.apply();
      };
    });
    return {
      apply: async () => {
        if (plan.length === 0) this.#metrics.stop();
        else if (this.#places.size === 0) this.#metrics.start();
        await Promise.all(steps.map((step) => step()));
        const wanted = new Set(plan.map(({ address }) => address));
        for (const address of this.#places.keys()) {
          if (!wanted.has(address)) void this.#remove(address);
        }
        return this.#uncounted(plan);
      },
    };
  }

  /** All there is to tell, in Prometheus' text format. */
  text(): string {
    return writeText(this.#families(() => true, true));
  }

  async close(): Promise<void> {
    this.#metrics.stop();
    await Promise.all(Array.from(this.#places.keys(), (address) => this.#remove(address)));
  }

  #certificateOf(listener: PlannedListener, isLenient: boolean): WatchedFiles<PageCertificate> {
    return new WatchedFiles({
      ...pageCertificate(listener.settings, isLenient),
      logger: this.#loggerOf(listener),
      onChange: async () => await this.#places.get(listener.address)?.server.reopen(),
    });
  }

  #add(listener: PlannedListener, certificate: WatchedFiles<PageCertificate>): MetricsServer {
    const server = new MetricsServer(this.#serverOptions(listener, certificate));
    this.#places.set(listener.address, { server, certificate });
    certificate.watch();
    return server;
  }

  async #remove(address: string): Promise<void> {
    const place = this.#places.get(address);
    this.#places.delete(address);
    place?.certificate.close();
    await place?.server.close();
  }

  #serverOptions(
    listener: PlannedListener,
    certificate: WatchedFiles<PageCertificate>,
  ): MetricsServerOptions {
    const { address, settings, pages } = listener;
    const { host, port } = splitHostPort(address) ?? { host: LOCAL_HOST, port: 0 };
    return {
      host: hostOf(host),
      port,
      takesOver: this.#takesOver,
      tls: () => certificate.current(),
      readHeaderTimeoutMs: settings.readHeaderTimeout,
      timeoutMs: settings.timeout,
      pages: new Map(
        pages.map(({ path, groups, isOfAll }) => [
          path,
          () => this.#families((group) => groups.has(group), isOfAll),
        ]),
      ),
      logger: this.#loggerOf(listener),
    };
  }

  #loggerOf({ pages }: PlannedListener): Logger {
    const [first = ""] = pages[0]?.groups ?? [];
    return this.#options.loggerOf(first);
  }

  get #isAnyServed(): boolean {
    return Object.values(this.#options.metrics).some(({ enabled }) => enabled);
  }

  /** Whoever is not counted from the beginning is not counted at all. */
  #uncounted(plan: readonly PlannedListener[]): readonly string[] {
    const shown = plan.flatMap(({ pages }) => pages.flatMap(({ groups }) => [...groups]));
    const groups = shown.filter((group) => !this.#counted.has(group));
    if (groups.length === 0) return [];
    return [`metrics: what is counted of ${groups.join(", ")} is there after a restart only`];
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
