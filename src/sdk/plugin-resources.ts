/** What a plugin has opened and must not outlive it. */
import { RedisClient } from "bun";
import type { PluginLogger } from "./plugin-context.ts";

/** Redis may be away for long: the next try is never given up. */
const REDIS_RETRIES = 2 ** 31 - 1;

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
    const client = new RedisClient(url, {
      maxRetries: REDIS_RETRIES,
      // A request must not wait until Redis is back.
      enableOfflineQueue: false,
    });
    // Fails when it is closed before Redis was ever there; what cannot be done then, each command says.
    client.connect().catch(() => {});
    this.onStop(() => client.close());
    return client;
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
