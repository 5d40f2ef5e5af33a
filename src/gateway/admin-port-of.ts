/** The gateway as administration sees it. */
import type { About, AdminPort, GatewayPhase, GroupView, PluginView } from "../admin/index.ts";
import { effectiveMode, effectiveSettings, shownPayload, shownSettings } from "../config/index.ts";
import type { ClientConfig, GlobalConfig } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import { HISTORY_KEPT_MS, HISTORY_STEP_MS } from "../metrics/index.ts";
import type { PluginSnapshot } from "../plugins/index.ts";
import type { GroupSnapshot } from "./control-port.ts";
import type { Loggers } from "./create-loggers.ts";
import type { Gateway } from "./gateway.ts";
import type { ReloadReport } from "./reload.ts";

export interface AdminPortOptions {
  readonly gateway: Gateway;
  readonly loggers: Loggers;
  readonly about: About;
  /** When the process began, on the wall clock. */
  readonly startedAtMs: number;
  readonly phase: () => GatewayPhase;
  /** Reads the configuration again. */
  readonly reload: () => Promise<ReloadReport>;
  /** Ends the gateway as a signal does. */
  readonly drain: () => void;
}

export function adminPortOf(options: AdminPortOptions): AdminPort {
  const { gateway, loggers, about, startedAtMs, phase, reload, drain } = options;
  const groups = (): readonly GroupView[] => groupViews(gateway);
  return {
    about,
    status: () => {
      const reasons = phase() === "serving" ? reasonsNotToServe(gateway.snapshot()) : [];
      return { phase: phase(), startedAtMs, reasons };
    },
    groups,
    globalConfig: () => shownPayload(gateway.config).global,
    pluginsConfig: () => shownPayload(gateway.config).plugins,
    settings: () => effectiveSettings(gateway.config),
    plugins: () => gateway.plugins.snapshot().map(pluginView),
    hookCalls: () => gateway.hookCalls(),
    commandPlugin: async (action, name) => {
      const answer = await gateway.plugins[action](name);
      if (!answer.ok) throw new GatewayError(answer.code, answer.message);
      return pluginView(answer.plugin);
    },
    setLogLevel: (level, group) => {
      const known = Object.keys(loggers.levels());
      if (group !== undefined && !known.includes(group)) {
        throw new GatewayError(
          "ERR_ADMIN_NOT_FOUND",
          `no logger "${group}", but: ${known.join(", ")}`,
        );
      }
      for (const name of group === undefined ? known : [group]) gateway.setLogLevel(name, level);
    },
    sessions: () =>
      gateway.groups.flatMap((port) =>
        port.sessions().map((session) => ({ ...session, group: port.group })),
      ),
    backends: () =>
      gateway.groups.flatMap((port) =>
        port.backends().map((backend) => ({ ...backend, group: port.group })),
      ),
    waiters: () =>
      gateway.groups.flatMap((port) =>
        port.waiters().map((waiter) => ({ ...waiter, group: port.group })),
      ),
    statements: () => gateway.statements.report(),
    resetStatements: () => gateway.statements.reset(),
    totals: () => gateway.totals(),
    history: (sinceMs) => ({
      stepMs: HISTORY_STEP_MS,
      keptMs: HISTORY_KEPT_MS,
      blocks: gateway.history(sinceMs),
    }),
    policies: () => gateway.policies(),
    killSession: (id) => gateway.groups.some((port) => port.kill(id)),
    cancelQuery: async (id) => {
      const found = await Promise.all(gateway.groups.map((port) => port.cancelQuery(id)));
      return found.includes(true);
    },
    commandPool: (group, block, action) => gateway.groupNamed(group).commandPool(block, action),
    requested: (...call) => gateway.apiRequested(...call),
    reload,
    drain,
  };
}

/** A group that has no server at all serves nobody. */
function reasonsNotToServe(groups: readonly GroupSnapshot[]): readonly string[] {
  return groups.flatMap(({ group, pools }) => {
    const blocks = Object.values(pools);
    return blocks.some(({ isLive }) => isLive) ? [] : [`group ${group} has no live block`];
  });
}

function groupViews(gateway: Gateway): readonly GroupView[] {
  const { global } = gateway.config;
  const ports = new Map(gateway.groups.map((port) => [port.group, port]));
  return Object.entries(global.servers).map(([group, server]) => {
    const snapshot = ports.get(group)?.snapshot();
    const ends = ports.get(group)?.ends();
    const blocks = Object.entries(global.clients[group] ?? {});
    return {
      group,
      network: server.network,
      address: server.address.join(","),
      isListening: (snapshot?.addresses.length ?? 0) > 0,
      listening: snapshot?.addresses ?? [],
      clients: snapshot?.clients ?? 0,
      maxConnections: server.maxConnections,
      protocol: server.protocol,
      tlsMode: server.tlsMode,
      isTlsEnabled: server.enableTLS,
      strategy: server.loadBalancer.strategy,
      tickIntervalMs: server.tickInterval,
      blocks: blocks.map(([block, client]) => ({
        block,
        address: client.address,
        mode: modeOf(global, group, block, client),
        ...(ends?.[block] ?? NO_ENDS),
        ...(snapshot?.pools[block] ?? NO_COUNTS),
      })),
    };
  });
}

function modeOf(
  { pools }: GlobalConfig,
  group: string,
  block: string,
  client: ClientConfig,
): string {
  const pool = pools[group]?.[block];
  return pool === undefined ? "" : effectiveMode(pool, client);
}

/** Before it listens a group has neither. */
const NO_ENDS = { availableAddresses: [], clientAddresses: [] };
const NO_COUNTS = {
  size: 0,
  available: 0,
  leased: 0,
  retiring: 0,
  waiting: 0,
  isPaused: false,
  isLive: false,
};

function pluginView({ state, ...plugin }: PluginSnapshot): PluginView {
  const { description } = plugin;
  return {
    ...plugin,
    state: state.kind,
    reason: state.kind === "resting" || state.kind === "failed" ? state.reason : "",
    description: description && {
      ...description,
      config: shownSettings(description.config),
      requires: Object.fromEntries(description.requires.map((one) => [one.name, one.version])),
    },
  };
}
