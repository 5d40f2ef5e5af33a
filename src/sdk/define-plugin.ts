/** How a plugin is written. */
import type { ConfigSchema } from "./config-schema.ts";
import type { PluginEvents } from "./events.ts";
import type { PluginContext } from "./plugin-context.ts";
import type { Signal } from "./signals.ts";

/** A plugin that another one cannot do without. */
export interface RequiredPlugin {
  readonly name: string;
  /** The lowest version that will do, or a range of versions. Default: any. */
  readonly version?: string;
  /** Where it has to come from. Default: from anywhere. */
  readonly remoteUrl?: string;
}

/**
 * What a handler answers: nothing, or what it asks for. What it has said to the event by `rewrite` and
 * `respond` takes effect either way.
 */
export type HandlerResult = Signal | readonly Signal[] | null | void;

/**
 * The handlers of a plugin, by the names of their hooks. One that answers at once, without a promise, costs
 * the least; everything that depends on an event waits for a promise.
 */
export type PluginHandlers = {
  readonly [Hook in keyof PluginEvents as Uncapitalize<Hook>]?: (
    event: PluginEvents[Hook],
  ) => HandlerResult | PromiseLike<HandlerResult>;
};

/** A plugin. */
export interface PluginDefinition<Config> {
  /** Must equal the name of its entry in gatewayd_plugins.yaml. */
  readonly name: string;
  /** As semver has it: `1.0.0`. */
  readonly version: string;
  readonly description?: string;
  readonly authors?: readonly string[];
  readonly license?: string;
  readonly projectUrl?: string;
  /** Where it comes from, for plugins that require it. */
  readonly remoteUrl?: string;
  readonly requires?: readonly RequiredPlugin[];
  readonly tags?: readonly string[];
  readonly categories?: readonly string[];
  /**
   * Checks and types what `config` of the plugin's entry says; the plugin does not start when it objects.
   * Default: the settings are taken as they are.
   */
  readonly configSchema?: ConfigSchema<Config>;
  /** Called once when the plugin starts, before any of its handlers; answers them. */
  setup(context: PluginContext<Config>): PluginHandlers | Promise<PluginHandlers>;
}

/** Settings without a schema. */
export type PlainConfig = Readonly<Record<string, unknown>>;

/** Types a plugin. What it returns is to be the file's default export. */
export function definePlugin<Config = PlainConfig>(
  definition: PluginDefinition<Config>,
): PluginDefinition<Config> {
  return definition;
}
