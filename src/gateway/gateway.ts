/** The composition root: everything a configuration asks for, built, booted, drained and stopped. */
import { registerRules } from "../act/effects/index.ts";
import type { ActionChannel } from "../act/effects/index.ts";
import { formatDuration, formatIssue } from "../config/index.ts";
import type { ConfigOverride, LoadedConfig, LoadResult } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import { HookRegistry } from "../hooks/index.ts";
import type { HookName, Schedule } from "../hooks/index.ts";
import type { Logger, LogLevel } from "../logging/index.ts";
import { pageSettingsOf } from "../metrics/index.ts";
import type { BlockHistory, BlockTotals, HookCalls } from "../metrics/index.ts";
import { TimerWheel } from "../net/index.ts";
import type { PluginSet } from "../plugins/index.ts";
import type { Pool } from "../pool/index.ts";
import { CancelKeys, showTraffic } from "../session/index.ts";
import type { ClientTls, VirtualDatabase } from "../session/index.ts";
import { fingerprint, loadSql, normalize } from "../sql/index.ts";
import { Statements } from "../statements/index.ts";
import { BootHooks } from "./boot-hooks.ts";
import { BootTrace } from "./boot-trace.ts";
import { buildAct } from "./build-act.ts";
import { buildTenant, serverOf } from "./build-tenant.ts";
import { listenerCertificates } from "./certificates.ts";
import { ConnectionBudget, DescriptorBudget } from "./connection-budget.ts";
import type { ControlPort, GroupSnapshot } from "./control-port.ts";
import type { GroupLoggers } from "./create-loggers.ts";
import { GatewayPages } from "./gateway-pages.ts";
import { GatewayPlugins } from "./gateway-plugins.ts";
import type { GatewayTracing } from "./gateway-tracing.ts";
import { traceHooks } from "./hook-tracing.ts";
import { logsSlowQueries, logWatchOf } from "./log-watch-of.ts";
import type { PluginSurroundings } from "./plugin-host-of.ts";
import { policiesSnapshot } from "./policies-snapshot.ts";
import type { PoliciesSnapshot } from "./policies-snapshot.ts";
import type { Tenant } from "./tenant.ts";
import { toAddress } from "./to-address.ts";
import { hbaRulesOf } from "./hba-rules.ts";
import { startDelay } from "./start-delay.ts";
import { connectionFields, hooksWatchedByAll, watchedByAll } from "../watch/index.ts";
import type { ConnectionFields, TraceIdOf } from "../watch/index.ts";
import { usersOf } from "./users.ts";
import type { Watched } from "./watched-files.ts";

/** Peers that do not finish within this time are cut off by the end of the process. */
const STOP_MS = 1_000;

/** Time that plugins have to take note of a signal. */
const TELL_MS = 5_000;

/** Longer than the grace time of a plugin that is asked to end. */
const STOP_PLUGINS_MS = 5_000;

/** The configuration that was loaded, with values that plugins have set. */
export type ReloadConfig = (overrides: readonly ConfigOverride[]) => LoadResult;

/** What a gateway is run with, beside its configuration. */
export interface GatewaySurroundings extends PluginSurroundings {
  /** Of this executable. */
  readonly version: string;
  /** Default: nothing is traced. */
  readonly tracing?: GatewayTracing | undefined;
}

interface Member {
  readonly group: string;
  readonly tenant: Tenant;
  readonly pools: readonly Pool[];
  readonly watched: readonly Watched[];
}

export class Gateway {
  /** Makes the console of a group, as a database beside those of its server; undefined: there is none. */
  consoleOf: ((group: string, tls: ClientTls) => VirtualDatabase) | undefined;
  /** Where handlers are registered; also while the gateway runs. */
  readonly hooks: HookRegistry;
  #config: LoadedConfig;
  readonly #loggers: GroupLoggers;
  readonly #reload: ReloadConfig;
  /** Takes back the handlers that log every event; undefined when there are none. */
  #stopTracing: (() => void) | undefined;
  readonly #trace: BootTrace;
  readonly #tracing: GatewayTracing | undefined;
  readonly #traceIdOf: TraceIdOf | undefined;
  readonly #timers = new TimerWheel();
  readonly #bootHooks: BootHooks;
  readonly #actionChannel: ActionChannel | undefined;
  readonly #plugins: GatewayPlugins;
  readonly #pages: GatewayPages;
  /** What clients ask for, counted by statement. */
  readonly statements: Statements;
  readonly #readsTables: boolean;
  /** The policies and rules, and what became of them. */
  readonly policies: () => PoliciesSnapshot;
  #members: readonly Member[] = [];
  /** Those that have listened. */
  readonly #served = new Set<Member>();
  /** Groups whose addresses are another gateway's now. */
  readonly #left = new Set<string>();
  #isStopped = false;
  readonly #tickers: Timer[] = [];

  /** @param reload makes the configuration again of the same files, with what plugins have set */
  constructor(
    config: LoadedConfig,
    loggers: GroupLoggers,
    surroundings: GatewaySurroundings,
    reload: ReloadConfig,
  ) {
    this.#config = config;
    this.#reload = reload;
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
    const { act, judge, channel, rules, readsTables } = buildAct({
      config: config.plugins,
      logger,
      traceIdOf: this.#traceIdOf,
      schedule,
      now,
    });
    this.#actionChannel = channel;
    this.policies = () => policiesSnapshot(config.plugins, act, rules);
    this.#readsTables = readsTables;
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
      traceIdOf: this.#traceIdOf,
      withPlugins: (own) => this.#plugins.metrics(own),
    });
    this.statements = new Statements({ grammar: { load: loadSql, normalize, fingerprint }, now });
    this.hooks = new HookRegistry({
      timeoutMs: config.plugins.timeout,
      schedule,
      now,
      judge,
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
    this.#traceHooks();
    registerRules(this.hooks, rules, {
      logger,
      connectionFields: (session) => ({ ...connectionFields(session, this.#traceIdOf) }),
      now,
      batchBytes: config.plugins.maxHookMessageBytes,
    });
  }

  /** What is in effect. */
  get config(): LoadedConfig {
    return this.#config;
  }

  /** The group's part of the data half. @throws GatewayError ERR_ADMIN_NOT_FOUND */
  groupNamed(group: string): ControlPort {
    const member = this.#members.find((one) => one.group === group);
    if (member !== undefined) return member.tenant;
    const known = this.#members.map((one) => one.group).join(", ");
    throw new GatewayError("ERR_ADMIN_NOT_FOUND", `there is no group "${group}", but: ${known}`);
  }

  get groups(): readonly ControlPort[] {
    return this.#members.map(({ tenant }) => tenant);
  }

  snapshot(): readonly GroupSnapshot[] {
    return this.#members.map(({ tenant }) => tenant.snapshot());
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
    this.#actionChannel?.open();
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
    await this.#step("Create pools and clients", async (trace) => {
      this.#members = this.#build();
      for (const member of this.#members) await this.#openPools(member, trace);
    });
    await this.#step("Create proxies", async () => {
      for (const member of this.#members) await this.#announceProxies(member);
    });
    await this.#step("Create servers", async () => {
      for (const _ of this.#members) await this.#bootHooks.newServer();
    });
    await this.#step("Start servers", async (trace) => {
      for (const member of this.#members) await this.#listen(member, trace);
    });
    this.#tracing?.tellsOf(undefined);
  }

  /**
   * The first part of a boot: starts plugins, and lets them change the configuration. `stopNow` has to be called.
   * @returns what is effective now
   * @throws GatewayError ERR_CONFIG_OVERRIDE when it is not valid any more
   */
  async configure(): Promise<LoadedConfig> {
    if (this.#readsTables) await loadSql();
    await this.#step("Load plugins", (trace) => this.#plugins.start(trace));
    this.#expectNotStopped();
    await this.#step("Merge global config from plugins", async () => {
      const overrides = await this.#bootHooks.configLoaded();
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
    const servers = Object.entries(this.#config.global.servers);
    const times = servers.map(([group, { drainTimeout }]) =>
      this.#left.has(group) ? 2 * drainTimeout : drainTimeout,
    );
    return Math.max(0, ...times);
  }

  /**
   * Leaves the addresses of each group to another gateway that listens at all of them.
   * @returns whether that is so for all groups
   */
  async leave(): Promise<boolean> {
    const takenOver = this.#members.filter(({ tenant }) => tenant.isTakenOver);
    for (const { group } of takenOver) this.#left.add(group);
    await Promise.all(takenOver.map(({ tenant }) => tenant.leave()));
    for (const { group, tenant } of takenOver) {
      const { clients } = tenant;
      this.#loggers
        .of(group)
        .info("Another gateway has taken over; clients may finish", { clients });
    }
    return takenOver.length > 0 && takenOver.length === this.#members.length;
  }

  /** Leaves the addresses of the metrics pages to another gateway. */
  async leavePages(): Promise<void> {
    await this.#pages.close();
  }

  /** Clients that are connected. */
  get clients(): number {
    return this.#members.reduce((sum, { tenant }) => sum + tenant.clients, 0);
  }

  /**
   * Lets clients finish, each group up to its `drainTimeout`. Those of a group that was left go on as they like for so
   * long first, idle ones too.
   */
  async drain(): Promise<void> {
    await Promise.all(this.#members.map((member) => this.#drain(member)));
  }

  /**
   * Ends everything that is left, a boot under way included, within {@link STOP_MS} for sessions and pools each.
   * Plugins hear of OnShutdown and end last.
   */
  async stopNow(): Promise<void> {
    this.#isStopped = true;
    this.#tracing?.tellsOf(this.#trace);
    for (const ticker of this.#tickers.splice(0)) clearInterval(ticker);
    this.#plugins.quiesce();
    await Promise.all(this.#members.map((member) => this.#stop(member)));
    this.#members = [];
    await this.#within(STOP_PLUGINS_MS, this.#plugins.stop());
    await this.#actionChannel?.close();
    await this.#within(STOP_MS, this.#pages.close());
    if (this.#served.size > 0) this.#loggers.main.info("Stopped all servers");
    this.#served.clear();
  }

  /** A step of the boot; what plugins are told meanwhile is a part of it. */
  async #step(name: string, work: (trace: BootTrace) => Promise<void>): Promise<void> {
    await this.#trace.step(name, async (inner) => {
      this.#tracing?.tellsOf(inner);
      await work(inner);
    });
    this.#tracing?.tellsOf(this.#trace);
  }

  async #stop(member: Member): Promise<void> {
    const { group, tenant, watched } = member;
    const { clients } = tenant;
    for (const files of watched) files.close();
    tenant.drain();
    tenant.cut();
    await this.#within(STOP_MS, tenant.whenEmpty());
    await this.#within(STOP_MS, tenant.close());
    if (!this.#served.has(member)) return;
    await this.#within(STOP_MS, this.#bootHooks.shutdown(clients));
    this.#loggers.of(group).info("Stopped the server");
  }

  /** Waits for something to happen, but not for ever. */
  async #within(limitMs: number, happening: Promise<void>): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const limit = this.#timers.after(limitMs, resolve);
    await Promise.race([happening, promise]);
    limit.dispose();
  }

  /** What plugins have set is effective from here on, as if it had been in the file. */
  #override(overrides: readonly ConfigOverride[]): void {
    const result = this.#reload(overrides);
    if (!result.ok) {
      const errors = result.issues.filter(({ severity }) => severity === "error");
      throw new GatewayError("ERR_CONFIG_OVERRIDE", errors.map(formatIssue).join("; "));
    }
    const { config } = result;
    this.#config = config;
    this.#bootHooks.config = config;
    this.#loggers.reconfigure(config.global.loggers);
    this.#traceHooks();
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

  #traceHooks(): void {
    const { main } = this.#loggers;
    const isTraced = main.isEnabled("trace");
    if (isTraced) this.#stopTracing ??= traceHooks(this.hooks, main, this.#traceIdOf);
    if (isTraced) return;
    this.#stopTracing?.();
    this.#stopTracing = undefined;
  }

  #build(): readonly Member[] {
    const { global } = this.#config;
    const pools = Object.values(global.pools).flatMap((blocks) => Object.values(blocks));
    const queries = Object.values(global.servers).filter(({ auth }) => auth?.query !== undefined);
    const backends = pools.reduce((sum, { size }) => sum + size, queries.length);
    const descriptors = new DescriptorBudget(backends);
    const cancelKeys = new CancelKeys();
    return Object.keys(global.servers).map((group) => {
      const server = serverOf(global, group);
      const logger = this.#loggers.of(group);
      const certificates = listenerCertificates(server, logger);
      const { usersFile, hbaFile } = server.auth ?? {};
      const users = usersFile === undefined ? undefined : usersOf(usersFile, logger);
      const hbaRules = hbaFile === undefined ? undefined : hbaRulesOf(hbaFile, server, logger);
      const budget = new ConnectionBudget(server.maxConnections, descriptors);
      if (budget.maxConnections < server.maxConnections) {
        logger.warn("maxConnections is lowered to what the limit of open files allows", {
          maxConnections: budget.maxConnections,
          configured: server.maxConnections,
        });
      }
      const tls: ClientTls = {
        mode: server.tlsMode,
        current: () => {
          if (certificates === undefined) throw new Error("TLS is disabled");
          return certificates.current;
        },
      };
      const built = buildTenant({
        group,
        config: this.#config,
        budget,
        tls,
        virtual: this.consoleOf?.(group, tls),
        users,
        hbaRules,
        hooks: this.hooks,
        cancelKeys,
        // Whoever wants to hear of the sessions of a group is named here.
        watch: watchedByAll([
          this.#pages.watchOf(group, global.metrics),
          this.statements.watchOf(group, pageSettingsOf(global.metrics, group)?.statements ?? 0),
          logWatchOf(global.loggers[group], logger, this.#traceIdOf),
          // Last: the others ask for the trace of a unit when it has ended.
          this.#tracing?.watchOf(group),
        ]),
        traceIdOf: this.#traceIdOf,
        tracesOf: (block) => this.#tracing?.serversOf(group, block),
        timers: this.#timers,
        logger,
      });
      const watched = [certificates, users, hbaRules, ...built.watched];
      return { ...built, group, watched: watched.filter((files) => files !== undefined) };
    });
  }

  async #openPools({ group, tenant, pools }: Member, trace: BootTrace): Promise<void> {
    for (const pool of pools) {
      this.#expectNotStopped();
      await pool.open();
      trace.event("Create pool", { group, name: pool.name, size: pool.options.size });
      await this.#bootHooks.newPool(group, pool);
      this.#loggers.of(group).info("There are clients available in the pool", {
        count: pool.snapshot().available,
        name: pool.name,
      });
    }
    tenant.warm();
  }

  async #announceProxies({ group, pools }: Member): Promise<void> {
    for (const pool of pools) {
      const { healthCheckPeriodMs } = pool.options;
      if (healthCheckPeriodMs > 0) {
        this.#loggers.of(group).info("Started the client health check scheduler", {
          name: pool.name,
          healthCheckPeriod: formatDuration(healthCheckPeriodMs),
          startDelay: startDelay(healthCheckPeriodMs),
        });
      }
      await this.#bootHooks.newProxy();
    }
  }

  async #listen(member: Member, trace: BootTrace): Promise<void> {
    const { group, tenant, watched } = member;
    const logger = this.#loggers.of(group);
    const server = serverOf(this.#config.global, group);
    const [configured = "", ...others] = server.address;
    const address = await this.#bootHooks.run(configured);
    await this.#bootHooks.booting();
    this.#expectNotStopped();
    for (const files of watched) files.watch();
    const replacing = [address, ...others].map((text) => toAddress(server.network, text));
    await tenant.listen(address === configured ? undefined : replacing);
    this.#expectNotStopped();
    this.#served.add(member);
    await this.#bootHooks.booted();
    this.#expectNotStopped();
    for (const listening of tenant.addresses) {
      logger.info("GatewayD is listening", { address: listening });
      trace.event("Listen", { group, address: listening });
    }
    if (server.tlsMode !== "disable") logger.info("TLS is enabled");
    if (server.enableTicker) this.#startTicker(tenant, server.tickInterval);
  }

  /** A boot that is given up must not open anything more. */
  #expectNotStopped(): void {
    if (this.#isStopped) throw new GatewayError("ERR_SHUTTING_DOWN");
  }

  #startTicker(tenant: Tenant, intervalMs: number): void {
    const tick = (): void => {
      const { clients: count, group } = tenant;
      this.#pages.ticked();
      this.#loggers.of(group).info("Active client connections", { count });
      void this.#bootHooks.tick(count);
    };
    tick();
    this.#tickers.push(setInterval(tick, intervalMs));
  }

  async #drain({ group, tenant }: Member): Promise<void> {
    const { drainTimeout } = serverOf(this.#config.global, group);
    if (this.#left.has(group)) await this.#within(drainTimeout, tenant.whenEmpty());
    this.#loggers.of(group).info("GatewayD is shutting down");
    tenant.drain();
    await this.#within(drainTimeout, tenant.whenEmpty());
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
