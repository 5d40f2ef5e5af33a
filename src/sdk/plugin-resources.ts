/** What a plugin has opened and must not outlive it. */
import type { RedisClient } from "bun";
import type { Schedule } from "../hooks/index.ts";
import { RedisLink } from "../redis/index.ts";
import { lastingRedis } from "./lasting-redis.ts";
import type { PluginLogger } from "./plugin-context.ts";

const schedule: Schedule = (delayMs, callback) => {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
};

export class PluginResources {
  readonly #logger: PluginLogger;
  readonly #controller = new AbortController();
  readonly #closers: (() => unknown)[] = [];

  constructor(logger: PluginLogger) {
    this.#logger = logger;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  redis(url = "redis://localhost:6379"): RedisClient {
    const link = new RedisLink({
      url,
      schedule,
      onReady: () => this.#logger.debug("The plugin is connected to Redis"),
      onLost: (error) => this.#logger.warn("The plugin has no connection to Redis", { error }),
    });
    // After the end it is closed by that, and not opened.
    this.onStop(() => link.close());
    link.open();
    return lastingRedis(link);
  }

  every(periodMs: number, callback: () => unknown): () => void {
    if (this.signal.aborted) return nothing;
    const timer = setInterval(() => void this.#run(callback), periodMs);
    return this.#closing(() => clearInterval(timer));
  }

  after(delayMs: number, callback: () => unknown): () => void {
    if (this.signal.aborted) return nothing;
    const timer = setTimeout(() => {
      forget();
      void this.#run(callback);
    }, delayMs);
    const forget = this.#closing(() => clearTimeout(timer));
    return forget;
  }

  /** What is opened after the end is closed at once. */
  onStop(callback: () => unknown): void {
    if (this.signal.aborted) void this.#run(callback);
    else this.#closers.push(callback);
  }

  /** Closes everything, the last one opened first. Never rejects. */
  async close(): Promise<void> {
    this.#controller.abort();
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) {
      await this.#run(closer);
    }
  }

  /** A callback that does its work at `close`, unless it is called before. */
  #closing(close: () => void): () => void {
    this.#closers.push(close);
    return () => {
      const at = this.#closers.indexOf(close);
      if (at >= 0) this.#closers.splice(at, 1);
      close();
    };
  }

  async #run(callback: () => unknown): Promise<void> {
    try {
      await callback();
    } catch (error) {
      this.#logger.error("A callback of the plugin failed", { error });
    }
  }
}

function nothing(): void {}
