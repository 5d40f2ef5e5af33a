/**
 * What administration needs of the gateway, as plain values and commands: everything here could cross a
 * process boundary. The composition root implements it.
 */

import type { LogLevel } from "../logging/index.ts";
import type { BackendView, WaiterView } from "./connection-view.ts";
import type { PoliciesView } from "./policy-view.ts";
import type { BlockTotalsView, HistoryView, StatementsView } from "./traffic-view.ts";

/** A JSON object. */
export type JsonTree = Readonly<Record<string, unknown>>;

/** What this executable is. */
export interface About {
  /** `0.1.0` */
  readonly version: string;
  /** With the time and commit of the build, the runtime and the platform. */
  readonly versionInfo: string;
}

export type GatewayPhase = "booting" | "serving" | "draining";

export interface GatewayStatus {
  readonly phase: GatewayPhase;
  readonly startedAtMs: number;
  /** Why it does not serve, for people; empty when it does. */
  readonly reasons: readonly string[];
}

/** The server connections of one block, and the clients that are led to it. */
export interface BlockView {
  readonly block: string;
  readonly mode: string;
  /** Of the server, as it is configured. */
  readonly address: string;
  readonly size: number;
  readonly available: number;
  readonly leased: number;
  readonly retiring: number;
  readonly waiting: number;
  readonly isPaused: boolean;
  /** False while there is no connection to the server, and none can be had. */
  readonly isLive: boolean;
  /** Our ends of idle server connections. */
  readonly availableAddresses: readonly string[];
  /** Addresses of the clients, idle ones too. */
  readonly clientAddresses: readonly string[];
}

export interface GroupView {
  readonly group: string;
  readonly network: string;
  /** Where it listens, or is to listen. */
  readonly address: string;
  readonly isListening: boolean;
  readonly listening: readonly string[];
  readonly clients: number;
  readonly maxConnections: number;
  readonly protocol: string;
  readonly tlsMode: string;
  readonly isTlsEnabled: boolean;
  readonly strategy: string;
  readonly tickIntervalMs: number;
  readonly blocks: readonly BlockView[];
}

/** A client. */
export interface SessionView {
  readonly id: string;
  readonly group: string;
  readonly block: string | undefined;
  readonly clientAddress: string;
  readonly localAddress: string;
  readonly user: string | undefined;
  readonly database: string | undefined;
  readonly applicationName: string | undefined;
  readonly isEncrypted: boolean;
  readonly ageMs: number;
  readonly activity: "loggingIn" | "idle" | "waiting" | "active" | "ending";
  readonly transactionStatus: "idle" | "inTransaction" | "failed" | undefined;
}

export type PoolAction = "pause" | "resume" | "reconnect";

/** One value of the configuration. */
export interface SettingView {
  readonly file: string;
  readonly path: string;
  readonly value: string;
  readonly origin: string;
  /** A reload leaves it as it is. */
  readonly needsRestart: boolean;
}

/** What a plugin has said of itself. */
export interface PluginDescriptionView {
  readonly name: string;
  readonly version: string;
  readonly remoteUrl: string;
  readonly checksum: string;
  readonly description: string;
  readonly authors: readonly string[];
  readonly license: string;
  readonly projectUrl: string;
  readonly config: Readonly<Record<string, string>>;
  readonly hooks: readonly string[];
  readonly requires: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  readonly categories: readonly string[];
}

export interface PluginView {
  readonly name: string;
  readonly isEnabled: boolean;
  readonly state: string;
  /** Why it does not run; empty when it does. */
  readonly reason: string;
  readonly priority: number;
  readonly onError: string;
  readonly restarts: number;
  /** Undefined before its first start. */
  readonly description: PluginDescriptionView | undefined;
}

/** The calls of one hook of one plugin, since the gateway was started. */
export interface HookCallsView {
  readonly plugin: string;
  readonly hook: string;
  readonly calls: number;
  /** Those among them that failed or were late. */
  readonly failures: number;
  readonly totalMs: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

/** What a reload has done. */
export interface ReloadView {
  /** Dotted paths of keys, groups, blocks and plugins that are different now. */
  readonly changed: readonly string[];
  /** Keys that are changed in the files, and that only a restart puts into effect. */
  readonly needsRestart: readonly string[];
  readonly warnings: readonly string[];
}

export type PluginAction = "reload" | "enable" | "disable";

export interface AdminPort {
  readonly about: About;
  status(): GatewayStatus;
  /** Every group, in the order of the configuration. */
  groups(): readonly GroupView[];
  /** gatewayd.yaml as GatewayD's API shows it: durations in nanoseconds, secrets hidden. */
  globalConfig(): JsonTree;
  /** gatewayd_plugins.yaml, likewise. */
  pluginsConfig(): JsonTree;
  settings(): readonly SettingView[];
  plugins(): readonly PluginView[];
  /** Undefined where they are not counted. */
  hookCalls(): readonly HookCallsView[] | undefined;
  /** @throws GatewayError when there is no such plugin, or it does not start */
  commandPlugin(action: PluginAction, name: string): Promise<PluginView>;
  /**
   * @param group undefined: every group
   * @throws GatewayError ERR_ADMIN_NOT_FOUND for a group that is not there
   */
  setLogLevel(level: LogLevel, group: string | undefined): void;
  /** The clients of all groups. */
  sessions(): readonly SessionView[];
  /** The connections to servers, of all groups. */
  backends(): readonly BackendView[];
  /** The clients that wait for one. */
  waiters(): readonly WaiterView[];
  /** What was asked since the start, by statement. */
  statements(): Promise<StatementsView>;
  /** Begins to count statements anew. */
  resetStatements(): void;
  /** What each block that is counted has done so far. */
  totals(): readonly BlockTotalsView[];
  /** What the last minutes were like, of each block that is counted: later than `sinceMs` since 1970. */
  history(sinceMs: number): HistoryView;
  policies(): PoliciesView;
  /** Ends a session, telling its client. @returns false if there is none of this id */
  killSession(id: string): boolean;
  /** Cancels what a session has a server do. Resolves to false if there is none of this id */
  cancelQuery(id: string): Promise<boolean>;
  /** @throws GatewayError when there is no such block, or its mode cannot do it */
  commandPool(group: string, block: string, action: PoolAction): void;
  /**
   * A command was called, by whatever door: for the metrics.
   * @param verb its method in HTTP, `GET`
   * @param endpoint its path there, with `{field}` in it
   * @param failure name of the gRPC status; undefined when it was done
   */
  requested(verb: string, endpoint: string, failure: string | undefined): void;
  /**
   * Puts into effect what the files of the configuration say now: all of it, or nothing.
   * @throws GatewayError ERR_RELOAD_REFUSED with everything that is wrong, a line each; ERR_RELOAD_BUSY
   */
  reload(): Promise<ReloadView>;
  /** Ends the gateway as SIGTERM does. */
  drain(): void;
}
