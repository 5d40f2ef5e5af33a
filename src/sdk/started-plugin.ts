/** A plugin at work, wherever it runs: in the gateway, in a worker of it, or in a process of its own. */
import { GatewayError } from "../errors.ts";
import { HOOK_NUMBERS } from "../hooks/index.ts";
import type { HookHandler, HookName } from "../hooks/index.ts";
import { parseConfig } from "./config-schema.ts";
import type { PluginDefinition, PluginHandlers } from "./define-plugin.ts";
import { handlerOf } from "./hook-adapter.ts";
import type { PluginContext, PluginLogger } from "./plugin-context.ts";
import { MetricsRegistry } from "./plugin-metrics.ts";
import { PluginResources } from "./plugin-resources.ts";

export interface PluginSurroundings {
  /** As the configuration has it; undefined: `{}`. */
  readonly config: unknown;
  readonly logger: PluginLogger;
  /** Aborted when the start is given up: nothing that `setup` has opened stays. */
  readonly signal?: AbortSignal;
}

const HOOK_NAMES: ReadonlyMap<string, HookName> = new Map(
  (Object.keys(HOOK_NUMBERS) as HookName[]).map((hook) => [`o${hook.slice(1)}`, hook]),
);

export class StartedPlugin {
  readonly definition: PluginDefinition<unknown>;
  /** Those that it has a handler for, in the order it named them. */
  readonly hooks: readonly HookName[];
  /** What it named that is no hook. */
  readonly unknownHooks: readonly string[];
  readonly #handlers: ReadonlyMap<HookName, HookHandler>;
  readonly #metrics: MetricsRegistry;
  readonly #resources: PluginResources;

  private constructor(
    definition: PluginDefinition<unknown>,
    handlers: PluginHandlers,
    metrics: MetricsRegistry,
    resources: PluginResources,
  ) {
    this.definition = definition;
    this.#metrics = metrics;
    this.#resources = resources;
    const known = new Map<HookName, HookHandler>();
    const unknown: string[] = [];
    for (const [name, handler] of Object.entries(handlers)) {
      if (handler === undefined) continue;
      const hook = HOOK_NAMES.get(name);
      if (hook === undefined) unknown.push(name);
      else known.set(hook, handlerOf(hook, handlers));
    }
    this.hooks = [...known.keys()];
    this.unknownHooks = unknown;
    this.#handlers = known;
  }

  /**
   * Starts what a module exports by default.
   * @throws GatewayError ERR_PLUGIN_MODULE, or the reason of the signal
   */
  static async start(
    exported: unknown,
    { config = {}, logger, signal }: PluginSurroundings,
  ): Promise<StartedPlugin> {
    const definition = definitionIn(exported);
    const metrics = new MetricsRegistry();
    const resources = new PluginResources(logger);
    const givenUp = Promise.withResolvers<never>();
    givenUp.promise.catch(() => {});
    const giveUp = (): void => givenUp.reject(signal?.reason);
    signal?.addEventListener("abort", giveUp, { once: true });
    try {
      signal?.throwIfAborted();
      const checked = await settingsOf(definition, config);
      const context: PluginContext<unknown> = {
        config: checked,
        logger,
        metrics,
        signal: resources.signal,
        redis: (url) => resources.redis(url),
        every: (periodMs, callback) => resources.every(periodMs, callback),
        after: (delayMs, callback) => resources.after(delayMs, callback),
        onStop: (callback) => resources.onStop(callback),
      };
      const handlers: unknown = await Promise.race([definition.setup(context), givenUp.promise]);
      if (!isHandlers(handlers)) {
        throw unusable("its setup must answer an object of handlers");
      }
      return new StartedPlugin(definition, handlers, metrics, resources);
    } catch (error) {
      await resources.close();
      if (signal?.aborted === true) throw signal.reason;
      throw GatewayError.from(error, "ERR_PLUGIN_MODULE");
    } finally {
      signal?.removeEventListener("abort", giveUp);
    }
  }

  /** The handler of one of its {@link hooks}. */
  handler(hook: HookName): HookHandler {
    const handler = this.#handlers.get(hook);
    if (handler === undefined) throw new TypeError(`the plugin has no handler of ${hook}`);
    return handler;
  }

  /** Its metrics in Prometheus' text format; undefined when it has none. */
  metricsText(): Promise<string | undefined> {
    return this.#metrics.text();
  }

  /** Ends its timers and connections. Never rejects. */
  stop(): Promise<void> {
    return this.#resources.close();
  }
}

async function settingsOf(
  { configSchema }: PluginDefinition<unknown>,
  config: unknown,
): Promise<unknown> {
  try {
    return await parseConfig(configSchema, config);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw unusable(`its configuration is not valid: ${reason}`, error);
  }
}

function definitionIn(exported: unknown): PluginDefinition<unknown> {
  if (isDefinition(exported)) return exported;
  throw unusable(
    "its file must export a plugin by default, with a name, a version and a function setup: `export default definePlugin({ ... })`",
  );
}

function isDefinition(value: unknown): value is PluginDefinition<unknown> {
  return (
    typeof value === "object" &&
    value !== null &&
    "name" in value &&
    typeof value.name === "string" &&
    "version" in value &&
    typeof value.version === "string" &&
    "setup" in value &&
    typeof value.setup === "function"
  );
}

function isHandlers(value: unknown): value is PluginHandlers {
  return (
    typeof value === "object" &&
    value !== null &&
    Object.values(value).every((handler) => handler === undefined || typeof handler === "function")
  );
}

function unusable(message: string, cause?: unknown): GatewayError {
  return new GatewayError("ERR_PLUGIN_MODULE", message, { cause });
}
