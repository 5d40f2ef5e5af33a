/** What a plugin gets from the gateway when it starts. */
import type { RedisClient } from "bun";
import type { PluginMetrics } from "./plugin-metrics.ts";

/** Writes to the gateway's log, with the plugin's name beside each message. */
export interface PluginLogger {
  trace(message: string, fields?: Readonly<Record<string, unknown>>): void;
  debug(message: string, fields?: Readonly<Record<string, unknown>>): void;
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** What a plugin has to work with. All of it ends with the plugin; what is asked for later does nothing. */
export interface PluginContext<Config> {
  /** `config` of the plugin's entry in gatewayd_plugins.yaml, as `configSchema` has made it; `{}` without one. */
  readonly config: Config;
  readonly logger: PluginLogger;
  /** Appear on the gateway's metrics page with the label `plugin`. */
  readonly metrics: PluginMetrics;
  /** Aborted when the plugin is to end. */
  readonly signal: AbortSignal;
  /**
   * A connection to Redis that is opened now, and again whenever it is lost. Commands fail at once while there is
   * none; the first has to be waited for. Subscriptions end with their connection.
   * @param url Default `redis://localhost:6379`
   */
  readonly redis: (url?: string) => RedisClient;
  /** Calls back every so many milliseconds. Returns a function that ends it. */
  readonly every: (periodMs: number, callback: () => unknown) => () => void;
  /** Calls back once, after so many milliseconds. Returns a function that prevents it. */
  readonly after: (delayMs: number, callback: () => unknown) => () => void;
  /** Calls back when the plugin ends; the last one first. */
  readonly onStop: (callback: () => unknown) => void;
}
