import { GatewayError } from "../errors.ts";
import type { HandlerRegistration, HookHandler, HookName, HookRegistry } from "../hooks/index.ts";
import type { RunningPlugin } from "./plugin-host.ts";

/** How the handlers of one plugin are registered, whichever run of it they belong to. */
export type PluginPlace = Omit<HandlerRegistration, "handler">;

/** What everything that clients send goes by. */
const ENTRANCE: readonly HookName[] = ["OnTrafficFromClient"];

/** In the place of a plugin that is away: fails as the plugin would, which no policy can overrule. */
const absent: HookHandler = () => {
  throw new GatewayError("ERR_PLUGIN_AWAY");
};

type Handlers = ReadonlyMap<HookName, HookHandler>;

/**
 * The handlers of one plugin in the hooks: those of the run that serves, or, while there is none and
 * `onError` is `terminate`, stand-ins that fail. Changes are made between two events, so that none
 * meets half of them; one that is under way with another plugin meets the run that serves when it comes here.
 */
export class PluginHooks {
  readonly #registry: HookRegistry;
  #place: PluginPlace;
  #removals: (() => void)[] = [];
  /** What is in the hooks, or was before it was {@link lift}ed. */
  #shown: Handlers = new Map();
  #isStandingIn = false;
  /** Those of the last run. */
  #handlers: Handlers = new Map();
  /** Those of the last run; undefined before the first one. */
  #hooks: readonly HookName[] | undefined;

  constructor(registry: HookRegistry, place: PluginPlace) {
    this.#registry = registry;
    this.#place = place;
  }

  /** The handlers of this run, in place of all others. */
  serve(plugin: RunningPlugin): void {
    this.#hooks = plugin.description.hooks;
    const handlers = new Map(this.#hooks.map((hook) => [hook, plugin.handler(hook)]));
    this.#handlers = handlers;
    this.#isStandingIn = false;
    this.#replace(this.#hooks, (hook) => this.#handlerOf(handlers, hook));
  }

  /**
   * The plugin is away, and wanted: with `continue` there is nothing in its place, with `terminate` its
   * hooks terminate. Before its first run nobody knows its hooks, and no traffic of clients is let through.
   */
  standIn(): void {
    const isGuarded = this.#place.onError === "terminate";
    this.#isStandingIn = true;
    this.#replace(isGuarded ? (this.#hooks ?? ENTRANCE) : [], () => absent);
  }

  /** Nothing in its place, also for an event that is under way with another plugin: nobody wants it any more. */
  clear(): void {
    this.#handlers = new Map();
    this.#isStandingIn = false;
    this.#replace([], () => absent);
  }

  /** Out of the hooks, until {@link put} between the same two events: several plugins can change places so. */
  lift(): void {
    for (const remove of this.#removals) remove();
    this.#removals = [];
  }

  /** What was lifted, from now on at this place. */
  put(place: PluginPlace): void {
    this.#place = place;
    if (this.#isStandingIn) this.standIn();
    else this.#register();
  }

  /** Of one run, or of the one that has taken its place meanwhile if that wants to be asked. */
  #handlerOf(handlers: Handlers, hook: HookName): HookHandler {
    const own = handlers.get(hook);
    return (payload, session, leftMs, trace) => {
      const handler = this.#handlers === handlers ? own : this.#handlers.get(hook);
      return handler?.(payload, session, leftMs, trace);
    };
  }

  #replace(hooks: readonly HookName[], handlerOf: (hook: HookName) => HookHandler): void {
    // First, so that nobody is said to be replaced.
    this.lift();
    this.#shown = new Map(hooks.map((hook) => [hook, handlerOf(hook)]));
    this.#register();
  }

  #register(): void {
    this.#removals = Array.from(this.#shown, ([hook, handler]) =>
      this.#registry.register(hook, { ...this.#place, handler }),
    );
  }
}
