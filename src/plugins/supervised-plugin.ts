/**
 * The life of one plugin.
 *
 * States:
 * - `disabled`: not wanted; nothing of it is left.
 * - `starting`: its host starts it, and nothing of it has run since it was wanted.
 * - `running`: its handlers are in the hooks, and it is pinged.
 * - `resting`: it ended, hung or did not start, and is started again after a pause.
 * - `failed`: the same, and it is not started again by itself.
 *
 * Transitions:
 * - disabled -> starting: enabled.
 * - starting -> running: it started and is what it should be.
 * - starting -> disabled: enabled by command, and it did not start.
 * - starting -> resting | failed: it did not start. `failed` without `restarts`, or when it is not fit.
 * - running -> resting | failed: it ended, or missed a ping and was not busy. `failed` without `restarts`.
 * - running -> running: reloaded. The new run takes over from the old one; one that does not start
 *   leaves the old one in its place.
 * - resting -> starting: the pause is over, or it is reloaded.
 * - failed -> starting: reloaded, or the plugin it lacked runs now.
 * - any -> disabled: disabled, or it leaves (not in the configuration any more), or the gateway ends.
 *
 * While it is wanted and away (`resting`, `failed`) its `onError` decides what traffic does.
 * Commands wait for each other; losing the plugin counts at once, also amid a command.
 */
import { GatewayError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { HookRegistry, Schedule } from "../hooks/index.ts";
import type { Logger } from "../logging/index.ts";
import type { PluginDescription, PluginHost, RunningPlugin } from "./plugin-host.ts";
import { PluginHooks } from "./plugin-hooks.ts";
import type { PluginPlace } from "./plugin-hooks.ts";
import type { PluginState } from "./plugin-state.ts";
import { restartDelayMs } from "./restart-delay.ts";
import { withinTime } from "./within-time.ts";

/** What all plugins have in common. */
export interface Supervision {
  readonly registry: HookRegistry;
  readonly schedule: Schedule;
  /** Milliseconds that never jump back. */
  readonly now: () => number;
  readonly logger: Logger;
  /** Time a plugin has to start; 0 = any. */
  readonly startTimeoutMs: number;
  /** Time that an event has in all plugins together; 0 = any. */
  readonly chainTimeoutMs: number;
  /** Time between two pings; 0 = none. */
  readonly healthCheckPeriodMs: number;
  /** A plugin that is lost is started again. */
  readonly restarts: boolean;
}

/** What a changed configuration changes. */
export interface PluginTerms extends Supervision {
  readonly place: PluginPlace;
  readonly host: PluginHost;
}

export interface SupervisedPluginOptions extends PluginTerms {
  /** Why a plugin that has started cannot run beside the others; undefined when it can. */
  readonly unmet: (description: PluginDescription) => string | undefined;
  /** It runs, once more. */
  readonly onRunning: () => void;
}

/** A ping has the time between two, but no less and no more than this. */
const PING_MS = { min: 1_000, max: 5_000 } as const;
/** So many pings in a row may a plugin miss that has calls under way and answers none. */
const MAX_BUSY_PINGS = 1;
/** A limit that is noticed so much too late says that the gateway could do nothing for a while. */
const HELD_UP_MS = 500;
/** After this time a run was a good one: failures are counted anew. */
const STABLE_MS = 60_000;
/** How often a run that has been replaced is asked whether it has answered everything. */
const RETIRE_MS = 1_000;

/** Failures that waiting does not mend. */
const HOPELESS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "ERR_PLUGIN_UNUSABLE",
  "ERR_PLUGIN_CHECKSUM",
  "ERR_PLUGIN_REQUIREMENT",
]);

export class SupervisedPlugin {
  #options: SupervisedPluginOptions;
  readonly #hooks: PluginHooks;
  #state: PluginState = { kind: "disabled" };
  #isWanted = false;
  /** Nothing is started and nothing pinged any more. */
  #isQuiet = false;
  #running: RunningPlugin | undefined;
  #runningSinceMs = 0;
  /** Pings in a row that it missed while it answered nothing else either. */
  #missedPings = 0;
  #description: PluginDescription | undefined;
  /** How often it has been started. */
  runs = 0;
  /** Hooks that its runs have registered, all together. */
  registrations = 0;
  /** Since the last good run. */
  #failures = 0;
  /** The next ping, or the next start. */
  #cancelTimer = (): void => {};
  #launch: AbortController | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** Runs that have been replaced, each with what calls its end off. */
  readonly #retired = new Map<RunningPlugin, () => void>();
  /** Runs that are over and not yet gone. */
  readonly #leaving = new Set<Promise<void>>();

  constructor(options: SupervisedPluginOptions) {
    this.#options = options;
    this.#hooks = new PluginHooks(options.registry, options.place);
  }

  get place(): PluginPlace {
    return this.#options.place;
  }

  get state(): PluginState {
    return this.#state;
  }

  get isWanted(): boolean {
    return this.#isWanted;
  }

  /** The run that serves. */
  get running(): RunningPlugin | undefined {
    return this.#running;
  }

  /** What the run that serves says of itself, or else the last one that started. */
  get description(): PluginDescription | undefined {
    return this.#description;
  }

  /** How often it has been started again. */
  get restarts(): number {
    return Math.max(0, this.runs - 1);
  }

  /** Wants it from now on; {@link start} follows. */
  want(): void {
    this.#isWanted = true;
  }

  /** At boot, and whenever it may run again: starts it unless it runs. Never rejects; see `state`. */
  async start(): Promise<void> {
    await this.#serially(async () => {
      if (!this.#isWanted || this.#running !== undefined) return;
      const failure = await this.#begin();
      if (failure !== undefined) this.#didNotStart(failure);
    });
  }

  /** @throws GatewayError why it does not run; it is disabled then, if it was before */
  async enable(): Promise<void> {
    await this.#serially(async () => {
      if (this.#running !== undefined) return;
      const wasWanted = this.#isWanted;
      this.#isWanted = true;
      this.#failures = 0;
      const failure = await this.#begin();
      if (failure === undefined) return;
      if (wasWanted) this.#didNotStart(failure);
      else await this.#end();
      throw failure;
    });
  }

  /** Resolves when nothing of it is left. */
  async disable(): Promise<void> {
    this.#isWanted = false;
    this.#launch?.abort(new GatewayError("ERR_PLUGIN_DISABLED"));
    await this.#serially(() => this.#end());
  }

  /** @throws GatewayError why there is no new run; one that serves goes on */
  async reload(): Promise<void> {
    await this.#serially(async () => {
      if (!this.#isWanted) throw new GatewayError("ERR_PLUGIN_DISABLED");
      this.#failures = 0;
      const failure = await this.#begin();
      if (failure === undefined) return;
      if (this.#running === undefined) this.#didNotStart(failure);
      throw failure;
    });
  }

  /** Out of the hooks, until {@link take} between the same two events: several plugins can change places so. */
  lift(): void {
    this.#hooks.lift();
  }

  /** From now on on these terms. What runs goes on; a host of another kind starts the next run. */
  take(terms: PluginTerms): void {
    this.#options = { ...this.#options, ...terms };
    this.#hooks.put(terms.place);
    if (this.#running !== undefined) this.#pingLater(this.#running);
  }

  /**
   * Not wanted any more. Its hooks are left at once, and its run ends when it has answered its calls; that is not waited
   * for: see {@link isGone}.
   */
  async leave(): Promise<void> {
    this.#isWanted = false;
    this.#launch?.abort(new GatewayError("ERR_PLUGIN_DISABLED"));
    this.#hooks.clear();
    await this.#serially(async () => {
      this.#cancelTimer();
      const plugin = this.#running;
      this.#running = undefined;
      this.#state = { kind: "disabled" };
      if (plugin !== undefined) this.#retire(plugin);
    });
  }

  /** Nothing of its runs is left. */
  get isGone(): boolean {
    return this.#running === undefined && this.#retired.size === 0 && this.#leaving.size === 0;
  }

  /** The end is near: nothing is started and nothing pinged any more; what runs goes on. */
  quiesce(): void {
    this.#isQuiet = true;
    this.#cancelTimer();
    this.#launch?.abort(new GatewayError("ERR_SHUTTING_DOWN"));
  }

  /** One after the other. */
  #serially<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  /** A new run; one that serves does so until then. Answers why there is none. */
  async #begin(): Promise<GatewayError | undefined> {
    if (this.#running === undefined) {
      this.#cancelTimer();
      this.#state = { kind: "starting" };
    }
    try {
      this.#serve(await this.#launched());
      return undefined;
    } catch (thrown) {
      const failure = GatewayError.from(thrown);
      if (this.#isWanted && !this.#isQuiet) this.#report(failure);
      return failure;
    }
  }

  /** A run that is fit to serve, and that nobody has given up meanwhile. */
  async #launched(): Promise<RunningPlugin> {
    const { schedule, startTimeoutMs: limitMs, host } = this.#options;
    if (this.#isQuiet) throw new GatewayError("ERR_SHUTTING_DOWN");
    const launch = new AbortController();
    this.#launch = launch;
    const limit = { schedule, limitMs, what: "its start" };
    const start = async (signal: AbortSignal): Promise<RunningPlugin> => {
      const plugin = await host.start(signal);
      if (signal.aborted) this.#discard(plugin);
      return plugin;
    };
    const plugin = await withinTime(limit, start, launch);
    try {
      launch.signal.throwIfAborted();
      this.#expectFit(plugin.description);
      return plugin;
    } catch (unfit) {
      this.#discard(plugin);
      throw unfit;
    }
  }

  #expectFit(description: PluginDescription): void {
    const { place, unmet } = this.#options;
    if (description.name !== place.name) {
      const message = `the plugin calls itself "${description.name}"`;
      throw new GatewayError("ERR_PLUGIN_UNUSABLE", message);
    }
    if (this.#running === undefined) this.#description = description;
    const reason = unmet(description);
    if (reason !== undefined) throw new GatewayError("ERR_PLUGIN_REQUIREMENT", reason);
  }

  #serve(plugin: RunningPlugin): void {
    const { place, logger, now, onRunning } = this.#options;
    const { version, hooks, unknownHooks } = plugin.description;
    const { name, priority } = place;
    const previous = this.#running;
    this.#cancelTimer();
    for (const hook of unknownHooks) logger.warn("Unknown hook of a plugin", { name, hook });
    logger.info("Registering plugin hooks", { name, hooks, priority });
    this.#running = plugin;
    this.#description = plugin.description;
    this.#runningSinceMs = now();
    this.#missedPings = 0;
    this.runs++;
    this.registrations += hooks.length;
    this.#hooks.serve(plugin);
    this.#state = { kind: "running" };
    void plugin.ended.then((reason) => this.#lose(plugin, reason));
    this.#pingLater(plugin);
    if (previous !== undefined) this.#retire(previous);
    logger.info("Plugin is ready", { name, version });
    onRunning();
  }

  #report({ code, message: reason }: GatewayError): void {
    const { place, logger } = this.#options;
    logger.error(
      code === "ERR_PLUGIN_REQUIREMENT" ? "Plugin is not registered" : "Failed to start plugin",
      { name: place.name, code, reason, ...(this.#running !== undefined && { kept: true }) },
    );
  }

  /** It is wanted and away. */
  #didNotStart({ code, message: reason }: GatewayError): void {
    // One that was lost during its reload rests already.
    if (!this.#isWanted || this.#isQuiet || this.#state.kind === "resting") return;
    this.#hooks.standIn();
    const isUnmet = code === "ERR_PLUGIN_REQUIREMENT";
    if (this.#options.restarts && !HOPELESS.has(code)) this.#rest(reason);
    else this.#state = { kind: "failed", reason, isUnmet };
  }

  /** It ended by itself, or does not answer: from here on nothing asks it any more. */
  #lose(plugin: RunningPlugin, reason: string): void {
    if (this.#running !== plugin) return;
    const { place, logger, restarts, now } = this.#options;
    const { name, onError } = place;
    this.#running = undefined;
    this.#cancelTimer();
    this.#hooks.standIn();
    this.#discard(plugin);
    logger.error("Plugin is lost", { name, reason, onError });
    if (now() - this.#runningSinceMs >= STABLE_MS) this.#failures = 0;
    if (restarts && !this.#isQuiet) this.#rest(reason);
    else this.#state = { kind: "failed", reason, isUnmet: false };
  }

  #rest(reason: string): void {
    const { place, schedule, logger } = this.#options;
    this.#failures++;
    const delayMs = restartDelayMs(this.#failures);
    this.#state = { kind: "resting", reason, restartDelayMs: delayMs };
    logger.info("Plugin is going to be started again", { name: place.name, delay: `${delayMs}ms` });
    this.#cancelTimer = schedule(delayMs, () => void this.start());
  }

  #pingLater(plugin: RunningPlugin): void {
    const { schedule, healthCheckPeriodMs } = this.#options;
    this.#cancelTimer();
    if (healthCheckPeriodMs === 0 || this.#isQuiet) return;
    this.#cancelTimer = schedule(healthCheckPeriodMs, () => void this.#ping(plugin));
  }

  async #ping(plugin: RunningPlugin): Promise<void> {
    const { schedule, healthCheckPeriodMs, now } = this.#options;
    const limitMs = Math.min(Math.max(healthCheckPeriodMs, PING_MS.min), PING_MS.max);
    const startedAtMs = now();
    const answeredBefore = plugin.activity?.().callsAnswered;
    try {
      await withinTime({ schedule, limitMs, what: "a ping" }, (signal) => plugin.ping(signal));
      if (this.#running === plugin) this.#missedPings = 0;
    } catch (thrown) {
      if (this.#running !== plugin) return;
      const failure = GatewayError.from(thrown);
      const isMissed = failure.code === "ERR_PLUGIN_TIMEOUT";
      // Had we been held up ourselves, its answer may be waiting to be read: then the next ping decides.
      const wasHeldUp = now() - startedAtMs > limitMs + HELD_UP_MS;
      const isExcused = isMissed && (wasHeldUp || this.#isBusy(plugin, answeredBefore));
      if (!isExcused) this.#lose(plugin, failure.message);
    }
    if (this.#running === plugin) this.#pingLater(plugin);
  }

  /**
   * Whether a plugin that has just missed a ping may have been too busy for it: it has answered calls meanwhile, or
   * has some to answer and has missed no more pings than such a one may.
   */
  #isBusy(plugin: RunningPlugin, answeredBefore: number | undefined): boolean {
    const { callsAnswered, callsUnderWay = 0 } = plugin.activity?.() ?? {};
    if (callsAnswered === undefined) return false;
    this.#missedPings = callsAnswered === answeredBefore ? this.#missedPings + 1 : 0;
    if (this.#missedPings === 0) return true;
    return callsUnderWay > 0 && this.#missedPings <= MAX_BUSY_PINGS;
  }

  /** Nothing of it is left. */
  async #end(): Promise<void> {
    this.#isWanted = false;
    this.#cancelTimer();
    this.#hooks.clear();
    const plugin = this.#running;
    this.#running = undefined;
    this.#state = { kind: "disabled" };
    if (plugin !== undefined) this.#discard(plugin);
    for (const [retired, callOff] of this.#retired) {
      callOff();
      this.#discard(retired);
    }
    this.#retired.clear();
    await Promise.all(this.#leaving);
  }

  /** Ends a run that was replaced when it has answered its calls, or nobody waits for the answers any more. */
  #retire(plugin: RunningPlugin): void {
    const { schedule, now, chainTimeoutMs } = this.#options;
    const endMs = chainTimeoutMs > 0 ? now() + chainTimeoutMs : Number.POSITIVE_INFINITY;
    const look = (): void => {
      const { callsUnderWay = 0 } = plugin.activity?.() ?? {};
      if (callsUnderWay > 0 && now() < endMs) {
        lookLater();
        return;
      }
      this.#retired.delete(plugin);
      this.#discard(plugin);
    };
    const lookLater = (): void => void this.#retired.set(plugin, schedule(RETIRE_MS, look));
    lookLater();
  }

  /** Ends a run in the background. */
  #discard(plugin: RunningPlugin): void {
    const leaving = plugin.stop().finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }
}
