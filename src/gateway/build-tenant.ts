/** Builds one group of the configuration: pools, router, sessions' context, listeners. */
import { UserTable } from "../auth/index.ts";
import type { LoginRule } from "../auth/index.ts";
import { createStrategy } from "../balancer/index.ts";
import type { Strategy } from "../balancer/index.ts";
import { effectiveAuth, loginRulesOf } from "../config/index.ts";
import type { GlobalConfig, LoadedConfig, ServerConfig } from "../config/index.ts";
import type { HookRegistry } from "../hooks/index.ts";
import type { Logger } from "../logging/index.ts";
import { NameAnswers } from "../net/index.ts";
import type { Connection, TimerWheel } from "../net/index.ts";
import { openServer } from "../backend/index.ts";
import type { OpenedServer, ServerTls } from "../backend/index.ts";
import { BlockRouter, Pool } from "../pool/index.ts";
import { sessionHooksOf } from "../session/index.ts";
import type {
  Budget,
  CancelKeys,
  ClientTls,
  PooledBlock,
  Route,
  VirtualDatabase,
} from "../session/index.ts";
import type { GroupWatch, TraceIdOf } from "../watch/index.ts";
import { buildPooling } from "./build-pooling.ts";
import type { PoolingParts, TracesOfBlock } from "./build-pooling.ts";
import { blockTls } from "./certificates.ts";
import { Tenant } from "./tenant.ts";
import type { TenantPool } from "./tenant.ts";
import { toAddress } from "./to-address.ts";
import type { Watched, WatchedFiles } from "./watched-files.ts";

export interface TenantParts {
  readonly group: string;
  readonly config: LoadedConfig;
  readonly budget: Budget;
  readonly tls: ClientTls;
  /** Undefined without a users file. */
  readonly users: WatchedFiles<UserTable> | undefined;
  /** Undefined without an hba file. */
  readonly hbaRules: WatchedFiles<readonly LoginRule[]> | undefined;
  readonly hooks: HookRegistry;
  readonly cancelKeys: CancelKeys;
  /** The console; undefined: there is none. */
  readonly virtual?: VirtualDatabase | undefined;
  /** Hears of the sessions; undefined: nobody does. */
  readonly watch?: GroupWatch | undefined;
  /** For the log; undefined: nothing is traced. */
  readonly traceIdOf?: TraceIdOf | undefined;
  /** Of the connections to the server of a block; undefined: nothing is traced. */
  readonly tracesOf?: TracesOfBlock | undefined;
  readonly timers: TimerWheel;
  readonly logger: Logger;
}

/**
 * Nothing is opened yet: that is for the caller, pools first.
 * @returns `pools` are those to be filled at boot; pooled blocks open connections when they need them.
 *   `watched` are files the group needs, to be watched while it runs
 * @throws GatewayError ERR_CONFIG_INVALID naming a file that cannot be used, and why
 */
export function buildTenant(parts: TenantParts): {
  tenant: Tenant;
  pools: readonly Pool[];
  watched: readonly Watched[];
} {
  const { group, config, timers, logger } = parts;
  const server = serverOf(config.global, group);
  const blocksOfGroup = config.global.clients[group] ?? {};
  const auth = effectiveAuth(server, config.global.pools[group] ?? {}, blocksOfGroup);
  const clients = Object.entries(blocksOfGroup);
  const tlsOfBlocks = new Map(
    clients.map(([block, client]) => [block, blockTls(block, client, logger)]),
  );
  const blocks = auth === undefined ? Object.keys(blocksOfGroup) : [];
  const pools = blocks.map((block) => buildPool(parts, block, tlsOfBlocks.get(block)?.tls));
  const newStrategy = (): Strategy =>
    createStrategy({
      strategy: server.loadBalancer.strategy,
      group,
      rules: server.loadBalancer.loadBalancingRules,
      ...(server.loadBalancer.consistentHash !== undefined && {
        consistentHash: server.loadBalancer.consistentHash,
      }),
      random: Math.random,
    });
  const pooled =
    auth &&
    buildPooling({
      group,
      global: config.global,
      auth,
      users: () => parts.users?.current ?? NOBODY,
      rules: rulesOf(server, parts),
      tls: parts.tls,
      serverTls: (block) => tlsOfBlocks.get(block)?.tls,
      routes: routesOf(server),
      newStrategy,
      watch: parts.watch,
      tracesOf: parts.tracesOf,
      timers,
      logger,
    });
  const tenant = new Tenant({
    group,
    addresses: server.address.map((text) => toAddress(server.network, text)),
    socketMode: server.socketMode,
    reusePort: server.reusePort,
    pools: pooled?.blocks.map(ofPooledBlock) ?? pools.map(ofPool),
    userQuery: pooled?.userQuery,
    timers,
    context: {
      group,
      protocol: server.protocol,
      proxyProtocol: server.proxyProtocol,
      limits: {
        startupTimeoutMs: server.startupTimeout,
        handshakeTimeoutMs: server.handshakeTimeout,
        idleTimeoutMs: server.idleTimeout,
        idleInTransactionTimeoutMs: server.idleInTransactionTimeout,
        queryTimeoutMs: server.queryTimeout,
        maxMessageBytes: server.maxMessageBytes,
        maxPendingUnits: server.maxPendingUnits,
      },
      tls: parts.tls,
      hooks: sessionHooksOf(parts.hooks, parts.watch),
      router: new BlockRouter(pools, newStrategy(), () => timers.clock.now()),
      pooling: pooled?.pooling,
      virtual: server.protocol === "raw" ? undefined : parts.virtual,
      cancelKeys: parts.cancelKeys,
      budget: parts.budget,
      watch: parts.watch,
      traceIdOf: parts.traceIdOf,
      timers,
      logger,
    },
  });
  const watched = [...tlsOfBlocks.values()].map(({ certificates }) => certificates);
  return { tenant, pools, watched: watched.filter((files) => files !== undefined) };
}

const NOBODY = new UserTable([]);

/** Who may connect from where; undefined where everybody may. */
function rulesOf({ auth }: ServerConfig, { hbaRules }: TenantParts): PoolingParts["rules"] {
  if (hbaRules !== undefined) return () => hbaRules.current;
  const rules = auth && loginRulesOf(auth)?.rules;
  return rules && (() => rules);
}

function routesOf({ routes }: ServerConfig): readonly Route[] | undefined {
  return routes?.map((route) => ({
    databases: route.database,
    users: route.user,
    blocks: route.blocks.map((name) => name.toLowerCase()), // as names of blocks are read
    as: route.as,
  }));
}

function ofPooledBlock({ pool, pinBudget, statements }: PooledBlock): TenantPool {
  return {
    name: pool.name,
    snapshot: () => {
      const { size, idle, leased, connecting, retiring, waiting, ...rest } = pool.snapshot();
      const { oldestWaitMs, pings: healthChecks } = rest;
      const counts = { size, available: idle, leased, connecting, retiring, waiting };
      const { pinned, pins, refusals: pinRefusals } = pinBudget;
      const { hits: preparedHits, misses: preparedMisses } = statements;
      const sharing = { pinned, pins, pinRefusals, preparedHits, preparedMisses };
      const { isLive, isPaused } = pool;
      return { ...counts, oldestWaitMs, healthChecks, sharing, isLive, isPaused };
    },
    idleAddresses: () => localAddressesOf(pool.idleBackends),
    servers: () => ({
      servers: pool.servers(),
      connecting: pool
        .snapshot()
        .pairs.flatMap(({ user, database, connecting }) =>
          Array.from({ length: connecting }, () => ({ user, database })),
        ),
    }),
    waiters: () => pool.waiters(),
    command: (action) => () => pool[action](),
    close: () => pool.close(),
  };
}

function ofPool(pool: Pool): TenantPool {
  return {
    name: pool.name,
    snapshot: () => ({ ...pool.snapshot(), isLive: pool.isLive, isPaused: false }),
    idleAddresses: () => localAddressesOf(pool.available),
    servers: () => ({
      servers: pool.servers(),
      connecting: Array.from({ length: pool.snapshot().connecting }, () => NOBODY_YET),
    }),
    waiters: () => pool.waiters(),
    // A backend that is dialled ahead is all that there is to replace.
    command: (action) => (action === "reconnect" ? () => pool.distrustIdle() : undefined),
    close: () => pool.close(),
  };
}

/** Passthrough: the client logs in by itself. */
const NOBODY_YET = { user: "", database: "" };

function localAddressesOf(
  backends: readonly { readonly connection: Connection }[],
): readonly string[] {
  return backends.map(({ connection }) => connection.localAddress);
}

/** The listener's part of a group. */
export function serverOf(global: GlobalConfig, group: string): GlobalConfig["servers"][string] {
  const server = global.servers[group];
  if (server === undefined) throw new Error(`group ${group} has no server`); // Checked at load.
  return server;
}

function buildPool(
  { config: { global }, group, watch, tracesOf, timers, logger }: TenantParts,
  block: string,
  tls: ServerTls | undefined,
): Pool {
  const client = global.clients[group]?.[block];
  const pool = global.pools[group]?.[block];
  const proxy = global.proxies[group]?.[block];
  if (client === undefined || pool === undefined || proxy === undefined) {
    throw new Error(`block ${group}.${block} is not complete`); // Checked at load.
  }
  const address = toAddress(client.network, client.address);
  const answers = new NameAnswers({ name: block, clock: timers.clock, logger });
  const traces = tracesOf?.(block);
  const dial = async (signal: AbortSignal): Promise<OpenedServer> => {
    const opened = await openServer({
      address,
      tls,
      signal,
      timeoutMs: client.dialTimeout,
      keepAliveMs: client.tcpKeepAlive ? client.tcpKeepAlivePeriod : 0,
      timers,
      answers,
    });
    opened.connection.meter = watch?.block(block).serverMeter;
    return opened;
  };
  return new Pool({
    group,
    name: block,
    size: pool.size,
    retries: client.retries,
    backoff: {
      backoffMs: client.backoff,
      multiplier: client.backoffMultiplier,
      disableCaps: client.disableBackoffCaps,
    },
    queueTimeoutMs: pool.queueTimeout,
    maxWaiting: pool.maxWaiting,
    healthCheckPeriodMs: proxy.healthCheckPeriod,
    receiveTimeoutMs: client.receiveTimeout,
    receiveDeadlineMs: client.receiveDeadline,
    sendDeadlineMs: client.sendDeadline,
    dial: (signal) => traces?.opening(() => dial(signal)) ?? dial(signal),
    isStale: ({ address: dialledAt }) => answers.hasLeft(dialledAt),
    timers,
    random: Math.random,
    logger,
  });
}
