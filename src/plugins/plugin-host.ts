/** What the gateway asks of a plugin, whichever way it runs: as a process or as a module. */
import type { HookHandler, HookName } from "../hooks/index.ts";

/** A plugin that another one cannot do without. */
export interface PluginRequirement {
  readonly name: string;
  /** The lowest version that will do, or a range of versions; empty: any. */
  readonly version: string;
  /** Where it has to come from; undefined or empty: from anywhere. */
  readonly remoteUrl?: string;
}

/** What a plugin says of itself (`GetPluginConfig`; reference: gatewayd-plugins 1.2). */
export interface PluginDescription {
  readonly name: string;
  readonly version: string;
  readonly remoteUrl: string;
  readonly checksum: string;
  readonly description: string;
  readonly authors: readonly string[];
  readonly license: string;
  readonly projectUrl: string;
  /** Its settings, as it tells of them. */
  readonly config: Readonly<Record<string, string>>;
  readonly requires: readonly PluginRequirement[];
  readonly tags: readonly string[];
  readonly categories: readonly string[];
  /** The hooks it wants to be called for, in the order it named them, each once. */
  readonly hooks: readonly HookName[];
  /** What it named that is no hook of ours, as it was said: to be logged. */
  readonly unknownHooks: readonly string[];
}

/** What a plugin is at. */
export interface PluginActivity {
  /** Calls that have no answer yet. */
  readonly callsUnderWay: number;
  /**
   * How many it has answered so far, in whatever way. Only where a ping may have to wait behind other calls: tells a
   * plugin that is busy from one that hangs.
   */
  readonly callsAnswered?: number;
}

/** A plugin that has started and answers. */
export interface RunningPlugin {
  readonly description: PluginDescription;
  /** Its handler of one of its hooks. A plugin that has ended answers with a failure, at once. */
  handler(hook: HookName): HookHandler;
  /** Resolves when it is well, rejects when it is not; aborting gives up the wait. */
  ping(signal: AbortSignal): Promise<void>;
  /** Only where there is something to wait for before it is ended. */
  activity?(): PluginActivity;
  /** Its own metrics in Prometheus' text format, without a plugin label; undefined when it has none. */
  scrape(signal: AbortSignal): Promise<string | undefined>;
  /**
   * Ends it, when calls under way have their answers. Resolves when nothing of it is left, at the latest after
   * its grace time. Never rejects.
   */
  stop(): Promise<void>;
  /** Resolves with the reason when it ends without having been told to. */
  readonly ended: Promise<string>;
}

/** Knows how to start one plugin of the configuration, as often as asked. */
export interface PluginHost {
  /** Rejects with what a start would fail with, as far as that can be known without one. */
  verify(): Promise<void>;
  /** Rejects with a {@link GatewayError} that says what is wrong and what to do. */
  start(signal: AbortSignal): Promise<RunningPlugin>;
}
