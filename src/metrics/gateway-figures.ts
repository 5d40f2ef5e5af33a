/** What the gateway is at the moment, as far as the page tells of it: plain values. */
import type { Figures } from "./figures.ts";

export interface BlockFigures {
  readonly size: number;
  /** Server connections that nobody uses. */
  readonly available: number;
  readonly leased: number;
  readonly connecting: number;
  readonly retiring: number;
  readonly waiting: number;
  readonly oldestWaitMs: number;
  readonly healthChecks: number;
  /** What is known of sessions that share server connections; undefined in passthrough. */
  readonly sharing?: SharingFigures | undefined;
}

export interface SharingFigures {
  readonly pinned: number;
  readonly pins: number;
  readonly pinRefusals: number;
  readonly preparedHits: number;
  readonly preparedMisses: number;
}

export interface GroupFigures {
  readonly group: string;
  /** All of them. */
  readonly clients: number;
  /** Those that were led to a block, by its name. */
  readonly clientsOf: Readonly<Record<string, ClientFigures>>;
  readonly pools: Readonly<Record<string, BlockFigures>>;
}

export interface ClientFigures {
  readonly count: number;
  readonly encrypted: number;
}

export interface PluginFigures {
  readonly name: string;
  readonly isEnabled: boolean;
  readonly state: { readonly kind: string };
  /** How often it has been started, and how many hooks it registered, all starts together. */
  readonly starts: number;
  readonly hooksRegistered: number;
}

const MS_PER_S = 1_000;
const NO_CLIENTS: ClientFigures = { count: 0, encrypted: 0 };

export function collectGroup(figures: Figures, { group, ...rest }: GroupFigures): void {
  figures.set("gatewayd_sessions", { group }, rest.clients);
  for (const [block, pool] of Object.entries(rest.pools)) {
    const labels = { group, block };
    const { count, encrypted } = rest.clientsOf[block] ?? NO_CLIENTS;
    figures.set("gatewayd_client_connections", labels, count);
    figures.set("gatewayd_tls_connections", labels, encrypted);
    collectPool(figures, labels, pool);
    if (pool.sharing !== undefined) collectSharing(figures, labels, pool.sharing);
  }
}

type BlockLabels = Readonly<Record<"group" | "block", string>>;

function collectPool(figures: Figures, labels: BlockLabels, pool: BlockFigures): void {
  const { size, available, leased, connecting, retiring, waiting, oldestWaitMs } = pool;
  figures.set("gatewayd_server_connections", labels, available + leased + retiring);
  figures.set("gatewayd_proxied_connections", labels, leased);
  figures.set("gatewayd_proxy_health_checks_total", labels, pool.healthChecks);
  figures.set("gatewayd_pool_size", labels, size);
  const states = { idle: available, leased, connecting, retiring };
  for (const [state, count] of Object.entries(states)) {
    figures.set("gatewayd_pool_connections", { ...labels, state }, count);
  }
  figures.set("gatewayd_pool_waiting", labels, waiting);
  figures.set("gatewayd_pool_oldest_wait_seconds", labels, oldestWaitMs / MS_PER_S);
}

function collectSharing(figures: Figures, labels: BlockLabels, sharing: SharingFigures): void {
  figures.set("gatewayd_pinned_sessions", labels, sharing.pinned);
  figures.set("gatewayd_pins_total", labels, sharing.pins);
  figures.set("gatewayd_pin_refusals_total", labels, sharing.pinRefusals);
  figures.set("gatewayd_prepared_statement_hits_total", labels, sharing.preparedHits);
  figures.set("gatewayd_prepared_statement_misses_total", labels, sharing.preparedMisses);
}

export function collectPlugins(figures: Figures, plugins: readonly PluginFigures[]): void {
  const sum = (count: (plugin: PluginFigures) => number): number =>
    plugins.reduce((total, plugin) => total + count(plugin), 0);
  figures.set(
    "gatewayd_plugins_loaded_total",
    {},
    sum(({ starts }) => starts),
  );
  figures.set(
    "gatewayd_plugin_hooks_registered_total",
    {},
    sum(({ hooksRegistered }) => hooksRegistered),
  );
  for (const { name, isEnabled, state, starts } of plugins) {
    const plugin = name.replaceAll("-", "_");
    if (isEnabled) figures.set("gatewayd_plugin_up", { plugin }, state.kind === "running" ? 1 : 0);
    figures.set("gatewayd_plugin_restarts_total", { plugin }, Math.max(0, starts - 1));
  }
}
