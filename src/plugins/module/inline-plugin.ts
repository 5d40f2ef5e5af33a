/** A module that runs among everything else of the gateway: its handlers are plain function calls. */
import { GatewayError } from "../../errors.ts";
import { isLate } from "../../hooks/index.ts";
import type { HandlerAnswer, HookHandler, HookName, Schedule } from "../../hooks/index.ts";
import type { Logger } from "../../logging/index.ts";
import type { StartedPlugin } from "../../sdk/index.ts";
import type { PluginActivity, PluginDescription, RunningPlugin } from "../plugin-host.ts";
import { describePlugin } from "./describe-plugin.ts";
import { CALLS_GRACE_MS, STOP_GRACE_MS } from "./stop-times.ts";

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
  /** Calls whose answers are still to come, each with the end of its time. */
  readonly #underWay = new Set<{ readonly endMs: number }>();
  #onIdle: () => void = () => {};

  constructor(plugin: StartedPlugin, options: InlineOptions) {
    this.#plugin = plugin;
    this.#options = options;
    this.description = describePlugin(plugin);
  }

  handler(hook: HookName): HookHandler {
    const handler = this.#plugin.handler(hook);
    const limitMs = this.#options.callTimeoutMs > 0 ? this.#options.callTimeoutMs : Infinity;
    return (payload, session, leftMs, trace) => {
      if (this.#isStopped)
        throw new GatewayError("ERR_PLUGIN_ENDED", "the plugin has been stopped");
      const startedAt = performance.now();
      try {
        const answer = handler(payload, session, leftMs, trace);
        if (isLate(answer)) {
          this.#follow(answer, startedAt + Math.min(limitMs, leftMs ?? limitMs));
        }
        return answer;
      } finally {
        const endedAt = performance.now();
        if (endedAt - startedAt > limitMs) this.#report(hook, endedAt - startedAt, endedAt);
      }
    };
  }

  #follow(answer: PromiseLike<HandlerAnswer>, endMs: number): void {
    const call = { endMs };
    this.#underWay.add(call);
    const answered = (): void => {
      this.#underWay.delete(call);
      if (this.#underWay.size === 0) this.#onIdle();
    };
    answer.then(answered, answered);
  }

  /** Those that somebody waits for. */
  get #awaited(): readonly { readonly endMs: number }[] {
    const now = performance.now();
    return [...this.#underWay].filter(({ endMs }) => endMs > now);
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

  activity(): PluginActivity {
    return { callsUnderWay: this.#awaited.length };
  }

  scrape(): Promise<string | undefined> {
    return this.#plugin.metricsText();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    const { onStop, onEnd } = this.#options;
    onStop();
    const awaited = this.#awaited;
    if (awaited.length > 0) {
      const { promise: isIdle, resolve } = Promise.withResolvers<void>();
      this.#onIdle = resolve;
      const leftMs = Math.max(...awaited.map(({ endMs }) => endMs)) - performance.now();
      await this.#within(Math.min(CALLS_GRACE_MS, leftMs), isIdle);
    }
    await this.#within(STOP_GRACE_MS, this.#plugin.stop());
    onEnd();
  }

  /** Waits for something to happen, but not for ever. */
  async #within(limitMs: number, happening: Promise<void>): Promise<void> {
    const { promise: isLate, resolve } = Promise.withResolvers<void>();
    const cancel = this.#options.schedule(limitMs, resolve);
    await Promise.race([happening, isLate]);
    cancel();
  }
}
