/** Builds what a group of the configuration has at work: blocks, the sessions' context, listeners. */
import { createStrategy } from "../balancer/index.ts";
import type { Strategy } from "../balancer/index.ts";
import { effectiveAuth } from "../config/index.ts";
import type { LoadedConfig, ServerConfig } from "../config/index.ts";
import type { HookRegistry } from "../hooks/index.ts";
import type { Logger } from "../logging/index.ts";
import type { TimerWheel } from "../net/index.ts";
import { sessionHooksOf } from "../session/index.ts";
import type {
  Budget,
  CancelKeys,
  SessionContext,
  SessionLimits,
  VirtualDatabase,
} from "../session/index.ts";
import type { GroupWatch, TraceIdOf } from "../watch/index.ts";
import type { GroupBlocks, GroupBlocksParts, TracesOfBlock } from "./group-blocks.ts";
import type { GroupFiles } from "./group-files.ts";
import { PassthroughBlocks } from "./passthrough-blocks.ts";
import { PooledBlocks } from "./pooled-blocks.ts";
import { serverOf } from "./server-of.ts";
import { Tenant } from "./tenant.ts";
import { toAddress } from "./to-address.ts";

export interface TenantParts {
  readonly group: string;
  readonly config: LoadedConfig;
  readonly files: GroupFiles;
  readonly budget: Budget;
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

/** What a reload gives a group anew. */
export type TenantChange = Pick<TenantParts, "config" | "files"> & {
  /** Clients are spread otherwise than before, or over other blocks. */
  readonly isSpreadAnew: boolean;
  /** Something of the group is different, beside the contents of its files. */
  readonly isChanged: boolean;
};

/** A group at work, as who has built it sees it. Nothing of it is open at first: that is for the caller, pools first. */
export class BuiltTenant {
  readonly tenant: Tenant;
  readonly #parts: TenantParts;
  #blocks: PassthroughBlocks | PooledBlocks;
  #newStrategy: () => Strategy;

  constructor(parts: TenantParts) {
    const { group, config, timers, logger } = parts;
    const server = serverOf(config.global, group);
    this.#parts = parts;
    this.#newStrategy = newStrategyOf(group, server);
    this.#blocks = this.#newBlocks(parts);
    this.tenant = new Tenant({
      group,
      addresses: server.address.map((text) => toAddress(server.network, text)),
      socketMode: server.socketMode,
      reusePort: server.reusePort,
      blocks: this.#blocks,
      timers,
      context: {
        ...this.#settings(server, parts.files),
        group,
        protocol: server.protocol,
        hooks: sessionHooksOf(parts.hooks, parts.watch),
        router: this.#blocks.router,
        virtual: server.protocol === "raw" ? undefined : parts.virtual,
        cancelKeys: parts.cancelKeys,
        budget: parts.budget,
        watch: parts.watch,
        traceIdOf: parts.traceIdOf,
        timers,
        logger,
      },
    });
  }

  /** Pools that are to be filled at boot; pooled blocks open connections when they need them. */
  get toBeOpened(): PassthroughBlocks["toBeOpened"] {
    return this.#blocks.pooling === undefined ? this.#blocks.toBeOpened : [];
  }

  /** Resolves when it is known of all servers whether they can be reached. */
  async lookForServers(): Promise<void> {
    await Promise.all(this.#blocks.pools.map(async (pool) => await pool.lookForServer?.()));
  }

  reconfigure({ config, files, isSpreadAnew, isChanged }: TenantChange): void {
    const server = serverOf(config.global, this.#parts.group);
    if (isSpreadAnew) this.#newStrategy = newStrategyOf(this.#parts.group, server);
    const retired = this.#follow({ config, files });
    const settings = this.#settings(server, files);
    // Who came when the group was in passthrough asks there on.
    const router = this.#blocks.pooling === undefined ? { router: this.#blocks.router } : {};
    this.tenant.reconfigure(
      { ...settings, ...router },
      { blocks: this.#blocks, retired, isTold: isChanged },
    );
    if (!isChanged) return;
    this.tenant.warm();
    void this.lookForServers();
  }

  #follow(changed: Pick<TenantParts, "config" | "files">): ReturnType<GroupBlocks["retire"]> {
    const before = this.#blocks;
    const parts = this.#blocksParts(changed);
    const auth = this.#authOf(changed.config);
    if (before.pooling === undefined && auth === undefined) return before.reconfigure(parts);
    if (before.pooling !== undefined && auth !== undefined) {
      return before.reconfigure({ ...parts, auth });
    }
    this.#blocks = this.#newBlocks(changed);
    if (this.#blocks.pooling === undefined) {
      for (const pool of this.#blocks.toBeOpened) pool.openSoon();
    }
    void before.close();
    return before.retire();
  }

  #newBlocks(of: Pick<TenantParts, "config" | "files">): PassthroughBlocks | PooledBlocks {
    const parts = this.#blocksParts(of);
    const auth = this.#authOf(of.config);
    return auth === undefined ? new PassthroughBlocks(parts) : new PooledBlocks({ ...parts, auth });
  }

  /** Undefined where the database logs clients in. */
  #authOf({ global }: LoadedConfig): ReturnType<typeof effectiveAuth> {
    const { group } = this.#parts;
    const server = serverOf(global, group);
    return effectiveAuth(server, global.pools[group] ?? {}, global.clients[group] ?? {});
  }

  #blocksParts({ config, files }: Pick<TenantParts, "config" | "files">): GroupBlocksParts {
    const { group, watch, tracesOf, timers, logger } = this.#parts;
    const newStrategy = this.#newStrategy;
    return { group, config, files, newStrategy, watch, tracesOf, timers, logger };
  }

  /** What a reload may change for the sessions. */
  #settings(server: ServerConfig, { tls }: GroupFiles) {
    return {
      proxyProtocol: server.proxyProtocol,
      limits: limitsOf(server),
      tls,
      pooling: this.#blocks.pooling,
    } satisfies Partial<SessionContext>;
  }
}

function limitsOf(server: ServerConfig): SessionLimits {
  return {
    startupTimeoutMs: server.startupTimeout,
    handshakeTimeoutMs: server.handshakeTimeout,
    idleTimeoutMs: server.idleTimeout,
    idleInTransactionTimeoutMs: server.idleInTransactionTimeout,
    queryTimeoutMs: server.queryTimeout,
    maxMessageBytes: server.maxMessageBytes,
    maxPendingUnits: server.maxPendingUnits,
  };
}

function newStrategyOf(group: string, { loadBalancer }: ServerConfig): () => Strategy {
  const { strategy, loadBalancingRules: rules, consistentHash } = loadBalancer;
  return () =>
    createStrategy({
      strategy,
      group,
      rules,
      ...(consistentHash !== undefined && { consistentHash }),
      random: Math.random,
    });
}
