/** The composition root: everything a configuration asks for, built, booted, drained and stopped. */
import type { PoliciesView } from "../admin/index.ts";
import { formatIssue } from "../config/index.ts";
import type { ConfigOverride, LoadedConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import { HookRegistry } from "../hooks/index.ts";
import type { HookName, Schedule } from "../hooks/index.ts";
import type { Logger, LogLevel } from "../logging/index.ts";
import { pageSettingsOf } from "../metrics/index.ts";
import type { BlockHistory, BlockTotals, HookCalls } from "../metrics/index.ts";
import { TimerWheel } from "../net/index.ts";
import type { PluginSet } from "../plugins/index.ts";
import { showTraffic } from "../session/index.ts";
import type { ClientTls, VirtualDatabase } from "../session/index.ts";
import { fingerprint, loadSql, normalize } from "../sql/index.ts";
import { Statements } from "../statements/index.ts";
import { BootHooks } from "./boot-hooks.ts";
import { BootTrace } from "./boot-trace.ts";
import type { ControlPort, GroupSnapshot } from "./control-port.ts";
import type { GroupLoggers } from "./create-loggers.ts";
import { GatewayAct } from "./gateway-act.ts";
import { GatewayPages } from "./gateway-pages.ts";
import { GatewayPlugins } from "./gateway-plugins.ts";
import type { GatewayTracing } from "./gateway-tracing.ts";
import { traceHooks } from "./hook-tracing.ts";
import { Groups } from "./groups.ts";
import type { GroupsOptions } from "./groups.ts";
import { LogWatches, logsSlowQueries } from "./log-watches.ts";
import type { PluginSurroundings } from "./plugin-host-of.ts";
import { Reload } from "./reload.ts";
import type { EvaluateConfig, ReloadReport } from "./reload.ts";
import type { ReloadPart } from "./reload-part.ts";
import { connectionFields, hooksWatchedByAll, watchedByAll } from "../watch/index.ts";
import type { ConnectionFields, TraceIdOf } from "../watch/index.ts";
import { within } from "./within.ts";

/** Peers that do not finish within this time are cut off by the end of the process. */
const STOP_MS = 1_000;

/** Time that plugins have to take note of a signal. */
const TELL_MS = 5_000;

/** Longer than the grace time of a plugin that is asked to end. */
const STOP_PLUGINS_MS = 5_000;

/** What a gateway is run with, beside its configuration. */
export interface GatewaySurroundings extends PluginSurroundings {
  /** Of this executable. */
  readonly version: string;
  /** Default: nothing is traced. */
  readonly tracing?: GatewayTracing | undefined;
  /** Reads the files of the configuration again. Default: that cannot be done. */
  readonly reread?: (() => EvaluateConfig) | undefined;
}

export class Gateway {
  /** Makes the console of a group, as a database beside those of its server; undefined: there is none. */
  consoleOf: ((group: string, tls: ClientTls) => VirtualDatabase) | undefined;
  /** Where handlers are registered; also while the gateway runs. */
  readonly hooks: HookRegistry;
  #config: LoadedConfig;
  readonly #loggers: GroupLoggers;
  readonly #evaluate: EvaluateConfig;
  readonly #reload: Reload;
  /** Those that a reload changes, in this order. */
  readonly #parts: ReloadPart[] = [];
  /** Takes back the handlers that log every event; undefined when there are none. */
  #stopTracing: (() => void) | undefined;
  readonly #trace: BootTrace;
  readonly #tracing: GatewayTracing | undefined;
  readonly #traceIdOf: TraceIdOf | undefined;
  readonly #timers = new TimerWheel();
  readonly #bootHooks: BootHooks;
  readonly #act: GatewayAct;
  readonly #plugins: GatewayPlugins;
  readonly #logWatches: LogWatches;
  readonly #pages: GatewayPages;
  /** What clients ask for, counted by statement. */
  readonly statements: Statements;
  readonly #groups: Groups;
  #isStopped = false;

  /** @param evaluate makes the configuration again of the same files, with what plugins have set */
  constructor(
    config: LoadedConfig,
    loggers: GroupLoggers,
    surroundings: GatewaySurroundings,
    evaluate: EvaluateConfig,
  ) {
    this.#config = config;
    this.#evaluate = evaluate;
    this.#loggers = loggers;
    const { tracing } = surroundings;
    this.#tracing = tracing;
    this.#traceIdOf = tracing?.traceIdOf;
    this.#trace = tracing?.boot ?? new BootTrace();
    const schedule: Schedule = (delayMs, callback) => {
      const deadline = this.#timers.after(delayMs, callback);
      return () => deadline.dispose();
    };
    const now = (): number => this.#timers.clock.now();
    const logger = loggers.main;
    const traceIdOf = this.#traceIdOf;
    this.#act = new GatewayAct({ config: config.plugins, logger, traceIdOf, schedule, now });
    this.#logWatches = new LogWatches(config.global.loggers, {
      loggerOf: (group) => loggers.of(group),
      traceIdOf,
    });
    this.#pages = new GatewayPages({
      version: surroundings.version,
      metrics: config.global.metrics,
      now,
      loggerOf: (group) => loggers.of(group),
      state: () => ({
        groups: this.snapshot(),
        plugins: this.#plugins.set.snapshot(),
        logs: loggers.sinks(),
        spans: tracing?.counts(),
      }),
      withPlugins: (own) => this.#plugins.metrics(own),
    });
    this.statements = new Statements({ grammar: { load: loadSql, normalize, fingerprint }, now });
    this.hooks = new HookRegistry({
      timeoutMs: config.plugins.timeout,
      schedule,
      now,
      judge: this.#act.judge,
      watch: hooksWatchedByAll([this.#pages.hookWatch, tracing?.hooks]),
      show: (hook, registration, judging, time) => {
        const shown = showTraffic(hook, registration, judging, time);
        if (tracing === undefined) return shown;
        return { ...shown, handler: tracing.traced(hook, registration, shown.handler) };
      },
      onHandlerError: (hook, name, error, session) =>
        reportHandler(
          logger,
          hook,
          name,
          error,
          session && connectionFields(session, this.#traceIdOf),
        ),
      onHandlerReplaced: (hook, replaced, by) =>
        loggers.main.warn("Hook is replaced", { hook, replaced, by }),
    });
    this.#bootHooks = new BootHooks(this.hooks, config);
    this.#plugins = new GatewayPlugins({
      ...surroundings,
      config: config.plugins,
      registry: this.hooks,
      schedule,
      now,
      logger,
    });
    this.#reload = new Reload({
      parts: this.#parts,
      reread: surroundings.reread,
      current: () => this.#config,
      adopt: (adopted) => this.#adopt(adopted),
      overridesOf: (read) => this.#bootHooks.configLoaded(read),
      told: (outcome) => this.#pages.reloaded(outcome),
      logger,
    });
    this.#groups = new Groups({
      hooks: this.hooks,
      bootHooks: this.#bootHooks,
      traceIdOf: this.#traceIdOf,
      ticked: () => this.#pages.ticked(),
      timers: this.#timers,
      logger,
      ofGroup: (name, of) => this.#ofGroup(name, of),
    });
    this.#follow();
    this.#traceHooks();
    this.#act.register(this.hooks);
  }

  /** What is in effect. */
  get config(): LoadedConfig {
    return this.#config;
  }

  /** The group's part of the data half. @throws GatewayError ERR_ADMIN_NOT_FOUND */
  groupNamed(group: string): ControlPort {
    return this.#groups.named(group);
  }

  get groups(): readonly ControlPort[] {
    return this.#groups.ports;
  }

  snapshot(): readonly GroupSnapshot[] {
    return this.#groups.snapshot();
  }

  /** The policies and rules, and what became of them. */
  policies(): PoliciesView {
    return this.#act.snapshot();
  }

  /** What runs, and the commands to reload, enable and disable it. */
  get plugins(): PluginSet {
    return this.#plugins.set;
  }

  /** Until the next start. @returns false when there is no such group */
  setLogLevel(group: string, level: LogLevel): boolean {
    const isKnown = this.#loggers.setLevel(group, level);
    this.#traceHooks();
    return isKnown;
  }

  /** A part that reloads change from now on, behind those that there are. */
  follow(part: ReloadPart): void {
    this.#parts.push(part);
  }

  /**
   * Puts into effect what the files of the configuration say now: all of it, or nothing. The log tells of it.
   * @throws GatewayError ERR_RELOAD_REFUSED with everything that is wrong, a line each, ERR_RELOAD_BUSY while another one
   *   is under way, ERR_SHUTTING_DOWN when the gateway does not serve
   */
  async reload(): Promise<ReloadReport> {
    if (this.#isStopped) throw new GatewayError("ERR_SHUTTING_DOWN");
    return await this.#reload.run();
  }

  /** Counts a call of the admin API. */
  apiRequested(verb: string, endpoint: string, failure: string | undefined): void {
    this.#pages.apiRequested(verb, endpoint, failure);
  }

  /** What the blocks of the groups that are counted have done so far. */
  totals(): readonly BlockTotals[] {
    return this.#pages.totals();
  }

  /** What the last minutes were like, later than `sinceMs` since 1970: of the groups that are counted. */
  history(sinceMs: number): readonly BlockHistory[] {
    return this.#pages.history(sinceMs);
  }

  /** How long plugins took to answer hooks; undefined when that is not counted. */
  hookCalls(): readonly HookCalls[] | undefined {
    return this.#pages.hookCalls();
  }

  /** All metrics, in Prometheus' text format. */
  metricsText(): string {
    return this.#pages.text();
  }

  /**
   * Starts plugins, opens pools, then listeners. After a failure `stopNow` has to be called; calling it earlier ends
   * the boot.
   * @param configured called when it is known what is in effect, before anything is opened
   * @throws GatewayError telling what could not be opened
   */
  async boot(configured: () => Promise<void> = async () => {}): Promise<void> {
    const { policies, rules } = this.#config.plugins;
    this.#loggers.main.info("Policies are loaded", {
      policies: policies.length,
      rules: rules.length,
    });
    this.#act.open();
    await this.configure();
    await configured();
    await this.#bootHooks.newLogger();
    this.#expectNotStopped();
    const { loggers, metrics, servers } = this.#config.global;
    if (this.#tracing !== undefined || logsSlowQueries(loggers)) await loadSql();
    const isReusing = Object.values(servers).some(({ reusePort }) => reusePort);
    await this.#step("Start metrics server", () =>
      this.#pages.open(metrics, Object.keys(servers), isReusing),
    );
    this.#expectNotStopped();
    const expectWanted = (): void => this.#expectNotStopped();
    await this.#step("Create pools and clients", async (trace) => {
      this.#groups.build(this.#config);
      await this.#groups.openPools(expectWanted, trace);
    });
    await this.#step("Create proxies", async () => {
      for (const group of this.#groups.all) await group.announceProxies();
    });
    await this.#step("Create servers", async () => {
      for (const _ of this.#groups.all) await this.#bootHooks.newServer();
    });
    await this.#step("Start servers", async (trace) => {
      for (const group of this.#groups.all) await group.listen(expectWanted, trace);
    });
    this.#tracing?.tellsOf(undefined);
  }

  /**
   * The first part of a boot: starts plugins, and lets them change the configuration. `stopNow` has to be called.
   * @returns what is effective now
   * @throws GatewayError ERR_CONFIG_OVERRIDE when it is not valid any more
   */
  async configure(): Promise<LoadedConfig> {
    await this.#act.load();
    await this.#step("Load plugins", (trace) => this.#plugins.start(trace));
    this.#expectNotStopped();
    await this.#step("Merge global config from plugins", async () => {
      const overrides = await this.#bootHooks.configLoaded(this.#config);
      this.#expectNotStopped();
      if (overrides.length > 0) this.#override(overrides);
    });
    return this.#config;
  }

  /** Tells plugins which signal stops the gateway; one that does not answer holds it up for {@link TELL_MS} at most. */
  async signalled(signal: NodeJS.Signals): Promise<void> {
    this.#tracing?.tellsOf(this.#trace);
    await this.#within(TELL_MS, this.#bootHooks.signal(signal));
    this.#tracing?.tellsOf(undefined);
  }

  /** How long {@link drain} may take. */
  get longestDrainMs(): number {
    return this.#groups.longestDrainMs;
  }

  /**
   * Leaves the addresses of each group to another gateway that listens at all of them.
   * @returns whether that is so for all groups
   */
  async leave(): Promise<boolean> {
    return await this.#groups.leave();
  }

  /** Leaves the addresses of the metrics pages to another gateway. */
  async leavePages(): Promise<void> {
    await this.#pages.close();
  }

  /** Clients that are connected. */
  get clients(): number {
    return this.#groups.all.reduce((sum, { tenant }) => sum + tenant.clients, 0);
  }

  /**
   * Lets clients finish, each group up to its `drainTimeout`. Those of a group that was left go on as they like for so
   * long first, idle ones too.
   */
  async drain(): Promise<void> {
    await this.#groups.drain();
  }

  /**
   * Ends everything that is left, a boot under way included, within {@link STOP_MS} for sessions and pools each.
   * Plugins hear of OnShutdown and end last.
   */
  async stopNow(): Promise<void> {
    this.#isStopped = true;
    this.#tracing?.tellsOf(this.#trace);
    this.#plugins.quiesce();
    const hasServed = await this.#groups.stop();
    await this.#within(STOP_PLUGINS_MS, this.#plugins.stop());
    await this.#act.close();
    await this.#within(STOP_MS, this.#pages.close());
    if (hasServed) this.#loggers.main.info("Stopped all servers");
  }

  /** A step of the boot; what plugins are told meanwhile is a part of it. */
  async #step(name: string, work: (trace: BootTrace) => Promise<void>): Promise<void> {
    await this.#trace.step(name, async (inner) => {
      this.#tracing?.tellsOf(inner);
      await work(inner);
    });
    this.#tracing?.tellsOf(this.#trace);
  }

  /** Waits for something to happen, but not for ever. */
  async #within(limitMs: number, happening: Promise<void>): Promise<void> {
    await within(limitMs, happening, this.#timers);
  }

  /** What plugins have set is effective from here on, as if it had been in the file. */
  #override(overrides: readonly ConfigOverride[]): void {
    const result = this.#evaluate(overrides);
    if (!result.ok) {
      const errors = result.issues.filter(({ severity }) => severity === "error");
      throw new GatewayError("ERR_CONFIG_OVERRIDE", errors.map(formatIssue).join("; "));
    }
    const { config } = result;
    this.#adopt(config);
    this.#log(config.global.loggers);
    const { main } = this.#loggers;
    for (const issue of config.warnings) {
      if (issue.plugin !== undefined) main.warn(formatIssue(issue));
    }
    for (const { plugin, values } of overrides) {
      main.info("A plugin has changed the configuration", {
        name: plugin,
        keys: Object.keys(values),
      });
    }
  }

  #adopt(config: LoadedConfig): void {
    this.#config = config;
    this.#bootHooks.config = config;
  }

  /** What follows the configuration inside the gateway; the order is that of {@link ReloadOptions.parts}. */
  #follow(): void {
    this.follow({
      name: "loggers",
      prepare: async ({ after }) => {
        const { loggers } = after.global;
        if (logsSlowQueries(loggers)) await loadSql();
        return { apply: () => this.#log(loggers) };
      },
    });
    this.follow(this.#act);
    // Before groups, as at boot: nobody gets in past a plugin that is to come. It takes its time.
    this.follow(this.#plugins);
    this.follow(this.#groups);
    this.follow(this.#pages);
    if (this.#tracing !== undefined) this.follow(this.#tracing);
  }

  #log(settings: LoadedConfig["global"]["loggers"]): void {
    this.#loggers.reconfigure(settings);
    this.#logWatches.reconfigure(settings);
    this.#traceHooks();
  }

  /** Whoever wants to hear of the sessions of a group is named here. */
  #ofGroup(group: string, { global }: LoadedConfig): ReturnType<GroupsOptions["ofGroup"]> {
    const logger = this.#loggers.of(group);
    const watch = watchedByAll([
      this.#pages.watchOf(group, global.metrics),
      this.statements.watchOf(group, pageSettingsOf(global.metrics, group)?.statements ?? 0),
      this.#logWatches.of(group),
      // Last: the others ask for the trace of a unit when it has ended.
      this.#tracing?.watchOf(group),
    ]);
    const tracesOf = (block: string) => this.#tracing?.serversOf(group, block);
    const virtualOf = (tls: ClientTls) => this.consoleOf?.(group, tls);
    return { watch, tracesOf, virtualOf, logger };
  }

  #traceHooks(): void {
    const { main } = this.#loggers;
    const isTraced = main.isEnabled("trace");
    if (isTraced) this.#stopTracing ??= traceHooks(this.hooks, main, this.#traceIdOf);
    if (isTraced) return;
    this.#stopTracing?.();
    this.#stopTracing = undefined;
  }

  /** A boot that is given up must not open anything more. */
  #expectNotStopped(): void {
    if (this.#isStopped) throw new GatewayError("ERR_SHUTTING_DOWN");
  }
}

/** A plugin that is away was told of when it was lost, not once for each request that it misses. */
function reportHandler(
  logger: Logger,
  hook: HookName,
  name: string,
  error: unknown,
  connection: ConnectionFields | undefined,
): void {
  const code = error instanceof GatewayError ? error.code : undefined;
  logger.log(code === "ERR_PLUGIN_AWAY" ? "debug" : "error", "A hook's handler failed", {
    hook,
    name,
    ...(code !== undefined && { code }),
    error,
    ...connection,
  });
}
