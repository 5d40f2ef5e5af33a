/** How long handlers take, and how often they fail. */
import type { HookWatch } from "../watch/index.ts";
import { Buckets, CALL_BOUNDS } from "./buckets.ts";
import type { Figures } from "./figures.ts";
import { quantile } from "./quantile.ts";

/** The calls of one hook of one plugin so far. */
export interface HookCalls {
  readonly plugin: string;
  readonly hook: string;
  readonly calls: number;
  readonly failures: number;
  readonly totalMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

const MS_PER_S = 1_000;

interface Calls {
  /** As its series are labelled. */
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

  /** By hook, in the order in which they were called first. */
  calls(): readonly HookCalls[] {
    return [...this.#byHook.values()].flatMap((handlers) =>
      [...handlers].map(([plugin, { hook, durations, failures }]) => {
        const { bounds, counts, sumMs } = durations;
        const msOf = (share: number): number => quantile(share, bounds, counts) * MS_PER_S;
        return {
          plugin,
          hook,
          calls: counts.reduce((sum, count) => sum + count, 0),
          failures,
          totalMs: sumMs,
          p50Ms: msOf(0.5),
          p95Ms: msOf(0.95),
          p99Ms: msOf(0.99),
        };
      }),
    );
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
