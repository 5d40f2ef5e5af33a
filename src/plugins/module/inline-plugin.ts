/** A module that runs among everything else of the gateway: its handlers are plain function calls. */
import { GatewayError } from "../../errors.ts";
import type { HookHandler, HookName, Schedule } from "../../hooks/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { StartedPlugin } from "../../sdk/index.ts";
import type { PluginDescription, RunningPlugin } from "../plugin-host.ts";
import { describePlugin } from "./describe-plugin.ts";

export interface InlineOptions {
  readonly logger: Logger;
  readonly schedule: Schedule;
  /** A call that takes longer is reported; 0 = no limit. */
  readonly callTimeoutMs: number;
  /** Called when the plugin is told to stop. */
  readonly onStop: () => void;
  /** Called when it has, or its time to do so is over. */
  readonly onEnd: () => void;
}

/** Time that the plugin has to close what it has opened. */
const STOP_GRACE_MS = 1_000;
/** Calls of one hook that took too long are reported this often at most. */
const REPORT_PERIOD_MS = 1_000;

export class InlinePlugin implements RunningPlugin {
  readonly description: PluginDescription;
  /** Never: nothing can end it but {@link stop}. */
  readonly ended: Promise<string> = new Promise(() => {});
  readonly #plugin: StartedPlugin;
  readonly #options: InlineOptions;
  readonly #nextReports = new Map<HookName, number>();
  #isStopped = false;

  constructor(plugin: StartedPlugin, options: InlineOptions) {
    this.#plugin = plugin;
    this.#options = options;
    this.description = describePlugin(plugin);
  }

  handler(hook: HookName): HookHandler {
    const handler = this.#plugin.handler(hook);
    const limitMs = this.#options.callTimeoutMs > 0 ? this.#options.callTimeoutMs : Infinity;
    return (payload, session) => {
      if (this.#isStopped)
        throw new GatewayError("ERR_PLUGIN_ENDED", "the plugin has been stopped");
      const startedAt = performance.now();
      try {
        return handler(payload, session);
      } finally {
        const endedAt = performance.now();
        if (endedAt - startedAt > limitMs) this.#report(hook, endedAt - startedAt, endedAt);
      }
    };
  }

  /** Only a worker can be stopped; what is left to do here is to tell who holds everybody up. */
  #report(hook: HookName, tookMs: number, now: number): void {
    if (now < (this.#nextReports.get(hook) ?? 0)) return;
    this.#nextReports.set(hook, now + REPORT_PERIOD_MS);
    this.#options.logger.error("A handler of the plugin held up the gateway", {
      hook,
      tookMs: Math.round(tookMs),
      timeoutMs: this.#options.callTimeoutMs,
    });
  }

  ping(): Promise<void> {
    return this.#isStopped
      ? Promise.reject(new GatewayError("ERR_PLUGIN_ENDED", "the plugin has been stopped"))
      : Promise.resolve();
  }

  scrape(): Promise<string | undefined> {
    return this.#plugin.metricsText();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    const { onStop, onEnd, schedule } = this.#options;
    onStop();
    const { promise: isLate, resolve } = Promise.withResolvers<void>();
    const cancel = schedule(STOP_GRACE_MS, resolve);
    await Promise.race([this.#plugin.stop(), isLate]);
    cancel();
    onEnd();
  }
}
