/** The plugins of the configuration: which of them run, in which order, and what becomes of them. */
import { GatewayError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import type { PluginDescription, PluginHost, RunningPlugin } from "./plugin-host.ts";
import type { PluginPlace } from "./plugin-hooks.ts";
import type { PluginState } from "./plugin-state.ts";
import { SupervisedPlugin } from "./supervised-plugin.ts";
import type { Supervision } from "./supervised-plugin.ts";
import { unmetRequirement } from "./unmet-requirement.ts";

/** One plugin of the configuration. */
export interface PluginEntry extends Omit<PluginPlace, "priority"> {
  readonly isEnabled: boolean;
  readonly host: PluginHost;
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

/** Of the first plugin in the list; each has a number more than the one before, whether it runs or not. */
const FIRST_PRIORITY = 1_000;

interface Member {
  readonly place: PluginPlace;
  readonly isEnabled: boolean;
  readonly plugin: SupervisedPlugin;
}

export class PluginSet {
  readonly #members: readonly Member[];
  #hasBooted = false;

  constructor({ entries, ...supervision }: PluginSetOptions) {
    this.#members = entries.map(({ host, isEnabled, ...rest }, index) => {
      const place = { ...rest, priority: FIRST_PRIORITY + index };
      const plugin = new SupervisedPlugin({
        ...supervision,
        place,
        host,
        unmet: (description) => unmetRequirement(description, this.#othersThan(place.name)),
        onRunning: () => {
          if (this.#hasBooted) void this.#startWhatWaited();
        },
      });
      return { place, isEnabled, plugin };
    });
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
    for (const { plugin } of this.#members) plugin.quiesce();
  }

  /** Ends all. Resolves when nothing of them is left. */
  async stop(): Promise<void> {
    this.quiesce();
    await Promise.all(this.#members.map(({ plugin }) => plugin.disable()));
  }

  async #command(
    name: string,
    run: (plugin: SupervisedPlugin) => Promise<void>,
  ): Promise<PluginAnswer> {
    const member = this.#members.find(({ place }) => place.name === name);
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
    const ready = this.#members.filter(({ place, plugin: { state, description } }) => {
      const isWaiting = state.kind === "failed" && state.isUnmet && description !== undefined;
      return isWaiting && unmetRequirement(description, this.#othersThan(place.name)) === undefined;
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

function snapshotOf({ place, plugin }: Member): PluginSnapshot {
  return {
    name: place.name,
    isEnabled: plugin.isWanted,
    state: plugin.state,
    priority: place.priority,
    onError: place.onError,
    restarts: plugin.restarts,
    starts: plugin.runs,
    hooksRegistered: plugin.registrations,
    description: plugin.description,
  };
}

function answerOf({ code, message }: GatewayError): PluginAnswer {
  return { ok: false, code, message };
}
