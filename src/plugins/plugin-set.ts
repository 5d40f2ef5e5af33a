/** The plugins of the configuration: which of them run, in which order, and what becomes of them. */
import { GatewayError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { PluginDescription, PluginHost, RunningPlugin } from "./plugin-host.ts";
import type { PluginPlace } from "./plugin-hooks.ts";
import type { PluginState } from "./plugin-state.ts";
import { SupervisedPlugin } from "./supervised-plugin.ts";
import type { PluginTerms, Supervision } from "./supervised-plugin.ts";
import { unmetRequirement } from "./unmet-requirement.ts";

/** One plugin of the configuration. */
export interface PluginEntry extends Omit<PluginPlace, "priority"> {
  readonly isEnabled: boolean;
  readonly host: PluginHost;
  /** What its runs depend on: as long as it is the same, a run of an older entry serves the newer one. */
  readonly runKey: string;
}

export interface PluginSetOptions extends Supervision {
  /** In their order, each name once. */
  readonly entries: readonly PluginEntry[];
}

/** One plugin at one moment, as plain values. */
export interface PluginSnapshot {
  readonly name: string;
  readonly isEnabled: boolean;
  readonly state: PluginState;
  readonly priority: number;
  readonly onError: "continue" | "terminate";
  /** How often it has been started again. */
  readonly restarts: number;
  /** How often it has been started at all, and how many hooks that has registered. */
  readonly starts: number;
  readonly hooksRegistered: number;
  /** What it last said of itself; undefined before its first start. */
  readonly description: PluginDescription | undefined;
}

/** What came of a command, as plain values. */
export type PluginAnswer =
  | { readonly ok: true; readonly plugin: PluginSnapshot }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

/** What became of a plugin whose entry is new, changed or gone. */
export interface PluginChange {
  readonly name: string;
  readonly change: "added" | "removed" | "enabled" | "disabled" | "reloaded" | "started";
  /** Why the plugin, or its new run, is not there; undefined when all is well. */
  readonly problem: string | undefined;
}

/** Of the first plugin in the list; each has a number more than the one before, whether it runs or not. */
const FIRST_PRIORITY = 1_000;

interface Member {
  readonly name: string;
  readonly isEnabled: boolean;
  readonly runKey: string;
  readonly plugin: SupervisedPlugin;
}

export class PluginSet {
  #members: readonly Member[] = [];
  /** Those that are not in the list any more, and not gone yet. */
  #leavers: readonly SupervisedPlugin[] = [];
  #hasBooted = false;
  #isQuiet = false;

  constructor(options: PluginSetOptions) {
    this.#enlist(options);
  }

  /** Starts the enabled plugins, one after the other. A plugin that does not start is logged. */
  async start(): Promise<void> {
    for (const { isEnabled, plugin } of this.#members) {
      if (!isEnabled) continue;
      plugin.want();
      await plugin.start();
    }
    while (await this.#startWhatWaited());
    this.#hasBooted = true;
  }

  /**
   * Another list, or other terms. Which plugins there are, their order and how they are treated changes before this
   * returns its promise, between two events. Then plugins are started that are new or failed, those whose run would be
   * another one are reloaded, and those that are gone end when they have answered their calls. What a command has
   * disabled or enabled stays so unless the entry says something else than before.
   * @returns what became of those that are concerned, in the order of the list
   */
  async reconfigure(options: PluginSetOptions): Promise<readonly PluginChange[]> {
    this.#hasBooted = true;
    const before = new Map(this.#members.map((member) => [member.name, member]));
    for (const { plugin } of before.values()) plugin.lift();
    const members = this.#enlist(options);
    const names = new Set(members.map(({ name }) => name));
    const gone = [...before.values()].filter(({ name }) => !names.has(name));
    const leavers = this.#leavers.filter(({ isGone }) => !isGone);
    this.#leavers = [...leavers, ...gone.map(({ plugin }) => plugin)];
    const removed = await Promise.all(gone.map(remove));
    const changes: (PluginChange | undefined)[] = [];
    for (const member of members) changes.push(await follow(member, before.get(member.name)));
    while (await this.#startWhatWaited());
    return [...changes.filter((change) => change !== undefined).map(latest(members)), ...removed];
  }

  /** In the order of the list. */
  snapshot(): readonly PluginSnapshot[] {
    return this.#members.map(snapshotOf);
  }

  /** Those that serve, in the order of the list. */
  running(): readonly RunningPlugin[] {
    return this.#members.flatMap(({ plugin }) => plugin.running ?? []);
  }

  /** A new run takes the place of the one that serves; if there is none to be had, that one goes on. */
  async reload(name: string): Promise<PluginAnswer> {
    return await this.#command(name, (plugin) => plugin.reload());
  }

  /** Starts a plugin that is disabled; one that does not start stays disabled. */
  async enable(name: string): Promise<PluginAnswer> {
    return await this.#command(name, (plugin) => plugin.enable());
  }

  /** Ends a plugin; its place in the order is kept. */
  async disable(name: string): Promise<PluginAnswer> {
    return await this.#command(name, (plugin) => plugin.disable());
  }

  /** The end is near: nothing is started and nothing pinged any more; what runs goes on. */
  quiesce(): void {
    this.#isQuiet = true;
    for (const plugin of this.#all) plugin.quiesce();
  }

  /** Ends all. Resolves when nothing of them is left. */
  async stop(): Promise<void> {
    this.quiesce();
    await Promise.all(this.#all.map((plugin) => plugin.disable()));
  }

  get #all(): readonly SupervisedPlugin[] {
    return [...this.#members.map(({ plugin }) => plugin), ...this.#leavers];
  }

  /** Those of the list take their places; what was there before has to be out of the hooks. */
  #enlist({ entries, ...supervision }: PluginSetOptions): readonly Member[] {
    const known = new Map(this.#members.map((member) => [member.name, member.plugin]));
    this.#members = entries.map(({ host, isEnabled, runKey, ...rest }, index) => {
      const terms = { ...supervision, host, place: { ...rest, priority: FIRST_PRIORITY + index } };
      const plugin = known.get(rest.name) ?? this.#newPlugin(terms);
      plugin.take(terms);
      return { name: rest.name, isEnabled, runKey, plugin };
    });
    return this.#members;
  }

  #newPlugin(terms: PluginTerms): SupervisedPlugin {
    const plugin = new SupervisedPlugin({
      ...terms,
      unmet: (description) => unmetRequirement(description, this.#othersThan(terms.place.name)),
      onRunning: () => {
        if (this.#hasBooted) void this.#startWhatWaited();
      },
    });
    if (this.#isQuiet) plugin.quiesce();
    return plugin;
  }

  async #command(
    name: string,
    run: (plugin: SupervisedPlugin) => Promise<void>,
  ): Promise<PluginAnswer> {
    const member = this.#members.find((one) => one.name === name);
    if (member === undefined) {
      return answerOf(new GatewayError("ERR_PLUGIN_UNKNOWN", `no plugin is named "${name}"`));
    }
    try {
      await run(member.plugin);
      return { ok: true, plugin: snapshotOf(member) };
    } catch (thrown) {
      return answerOf(GatewayError.from(thrown));
    }
  }

  /** Starts those that lacked a plugin which runs by now. Answers whether there were any. */
  async #startWhatWaited(): Promise<boolean> {
    const ready = this.#members.filter(({ name, plugin: { state, description } }) => {
      const isWaiting = state.kind === "failed" && state.isUnmet && description !== undefined;
      return isWaiting && unmetRequirement(description, this.#othersThan(name)) === undefined;
    });
    await Promise.all(ready.map(({ plugin }) => plugin.start()));
    return ready.length > 0;
  }

  #othersThan(name: string): readonly PluginDescription[] {
    return this.running()
      .map(({ description }) => description)
      .filter((description) => description.name !== name);
  }
}

/** Brings a plugin to where its entry wants it. Undefined when it is there already. */
async function follow(
  { name, isEnabled, runKey, plugin }: Member,
  before: Member | undefined,
): Promise<PluginChange | undefined> {
  const wasEnabled = before?.isEnabled === true;
  if (wasEnabled && !isEnabled) {
    await plugin.leave();
    return { name, change: "disabled", problem: undefined };
  }
  const isNew = before === undefined;
  const isEnabledNow = isEnabled && !wasEnabled;
  if (isEnabledNow) plugin.want();
  const isOther = runKey !== before?.runKey;
  const change = isNew ? "added" : isEnabledNow ? "enabled" : isOther ? "reloaded" : "started";
  if (plugin.running !== undefined) return isOther ? await reload(name, plugin) : undefined;
  const isDue = change !== "started" || plugin.state.kind === "failed";
  if (plugin.isWanted && isDue) await plugin.start();
  else if (!isNew) return undefined;
  return { name, change, problem: undefined };
}

async function reload(name: string, plugin: SupervisedPlugin): Promise<PluginChange> {
  const change = { name, change: "reloaded" } as const;
  try {
    await plugin.reload();
    return { ...change, problem: undefined };
  } catch (thrown) {
    return { ...change, problem: GatewayError.from(thrown).message };
  }
}

async function remove({ name, plugin }: Member): Promise<PluginChange> {
  await plugin.leave();
  return { name, change: "removed", problem: undefined };
}

/** A plugin that lacked another one may have come up later than it was started. */
function latest(members: readonly Member[]): (change: PluginChange) => PluginChange {
  return (change) => {
    const state = members.find(({ name }) => name === change.name)?.plugin.state;
    const isAway = state?.kind === "failed" || state?.kind === "resting";
    return isAway ? { ...change, problem: state.reason } : change;
  };
}

function snapshotOf({ name, plugin }: Member): PluginSnapshot {
  const { priority, onError } = plugin.place;
  return {
    name,
    isEnabled: plugin.isWanted,
    state: plugin.state,
    priority,
    onError,
    restarts: plugin.restarts,
    starts: plugin.runs,
    hooksRegistered: plugin.registrations,
    description: plugin.description,
  };
}

function answerOf({ code, message }: GatewayError): PluginAnswer {
  return { ok: false, code, message };
}
