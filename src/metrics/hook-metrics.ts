/** How long handlers take, and how often they fail. */
import type { HookWatch } from "../watch/index.ts";
import { Buckets, CALL_BOUNDS } from "./buckets.ts";
import type { Figures } from "./figures.ts";

interface Calls {
  readonly plugin: string;
  readonly hook: string;
  readonly durations: Buckets;
  failures: number;
}

export class HookMetrics implements HookWatch {
  readonly #now: () => number;
  readonly #byHook = new Map<string, Map<string, Calls>>();
  #runs = 0;

  /** @param now milliseconds that never jump back */
  constructor(now: () => number) {
    this.#now = now;
  }

  ran(): void {
    this.#runs++;
  }

  began(): number {
    return this.#now();
  }

  ended(
    hook: string,
    handler: string,
    _session: unknown,
    begun: unknown,
    hasFailed: boolean,
  ): void {
    const calls = this.#callsOf(hook, handler);
    calls.durations.observe(this.#now() - Number(begun));
    if (hasFailed) calls.failures++;
  }

  collect(figures: Figures): void {
    figures.set("gatewayd_plugin_hooks_executed_total", {}, this.#runs);
    for (const handlers of this.#byHook.values()) {
      for (const { plugin, hook, durations, failures } of handlers.values()) {
        figures.histogram("gatewayd_hook_duration_seconds", { plugin, hook }, durations);
        figures.set("gatewayd_hook_failures_total", { plugin, hook }, failures);
      }
    }
  }

  #callsOf(hook: string, handler: string): Calls {
    const handlers = this.#byHook.get(hook) ?? new Map<string, Calls>();
    const known = handlers.get(handler);
    if (known !== undefined) return known;
    const plugin = handler.replaceAll("-", "_");
    const calls = { plugin, hook, durations: new Buckets(CALL_BOUNDS), failures: 0 };
    handlers.set(handler, calls);
    this.#byHook.set(hook, handlers);
    return calls;
  }
}
