/** The blocks of a group whose clients have a server connection of their own, dialled ahead. */
import { openServer } from "../backend/index.ts";
import type { OpenedServer, ServerTls } from "../backend/index.ts";
import type { ClientConfig, LoadedConfig } from "../config/index.ts";
import { NameAnswers } from "../net/index.ts";
import { BlockRouter, Pool } from "../pool/index.ts";
import type { PoolSettings } from "../pool/index.ts";
import { blockConfigOf, leadsToSame } from "./block-config.ts";
import type { BlockConfig } from "./block-config.ts";
import type { GroupBlocks, GroupBlocksParts } from "./group-blocks.ts";
import { localAddressesOf } from "./local-addresses-of.ts";
import type { TenantPool } from "./tenant.ts";
import { toAddress } from "./to-address.ts";

export class PassthroughBlocks implements GroupBlocks {
  readonly router: BlockRouter;
  readonly pooling = undefined;
  #blocks: ReadonlyMap<string, PassthroughBlock>;
  #newStrategy: GroupBlocksParts["newStrategy"];

  constructor(parts: GroupBlocksParts) {
    this.#newStrategy = parts.newStrategy;
    this.#blocks = new Map(blockNames(parts).map((name) => [name, createBlock(parts, name)]));
    const { newStrategy, timers } = parts;
    this.router = new BlockRouter(this.#dialled, newStrategy(), () => timers.clock.now());
  }

  get pools(): readonly TenantPool[] {
    return this.#dialled.map(tenantPoolOf);
  }

  /** To be filled at boot. */
  get toBeOpened(): readonly Pool[] {
    return this.#dialled;
  }

  /** Those that are new are filled without anybody waiting for it. */
  reconfigure(parts: GroupBlocksParts): readonly TenantPool[] {
    const before = this.#blocks;
    const blocks = new Map<string, PassthroughBlock>();
    for (const name of blockNames(parts)) {
      const known = before.get(name);
      known?.reconfigure(parts, name);
      blocks.set(name, known ?? createBlock(parts, name));
    }
    this.#blocks = blocks;
    const isSpreadAnew = parts.newStrategy !== this.#newStrategy;
    this.#newStrategy = parts.newStrategy;
    this.router.reconfigure(this.#dialled, isSpreadAnew ? parts.newStrategy() : undefined);
    for (const [name, { pool }] of blocks) if (!before.has(name)) pool.openSoon();
    return retire([...before].flatMap(([name, block]) => (blocks.has(name) ? [] : [block])));
  }

  retire(): readonly TenantPool[] {
    return retire([...this.#blocks.values()]);
  }

  async close(): Promise<void> {}

  get #dialled(): readonly Pool[] {
    return [...this.#blocks.values()].map(({ pool }) => pool);
  }
}

class PassthroughBlock {
  readonly pool: Pool;
  #client: ClientConfig;
  #tls: ServerTls | undefined;
  #dialler: PoolSettings["dial"];
  #answers: NameAnswers;
  readonly #parts: GroupBlocksParts;

  constructor(parts: GroupBlocksParts, name: string) {
    const { group, files, timers, logger } = parts;
    const config = blockConfigOf(parts.config.global, group, name);
    this.#parts = parts;
    this.#client = config.client;
    this.#tls = files.serverTls(name);
    this.#answers = this.#newAnswers(name);
    this.#dialler = this.#newDialler(name);
    this.pool = new Pool({
      group,
      name,
      ...settingsOf(config, this.#dialler),
      isStale: ({ address }) => this.#answers.hasLeft(address),
      timers,
      random: Math.random,
      logger,
    });
  }

  reconfigure({ group, config: { global }, files }: GroupBlocksParts, name: string): void {
    const config = blockConfigOf(global, group, name);
    const isSame = leadsToSame(this.#client, config.client);
    this.#client = config.client;
    this.#tls = files.serverTls(name);
    if (!isSame) {
      this.#answers = this.#newAnswers(name);
      this.#dialler = this.#newDialler(name);
    }
    this.pool.reconfigure(settingsOf(config, this.#dialler));
  }

  #newAnswers(name: string): NameAnswers {
    const { timers, logger } = this.#parts;
    return new NameAnswers({ name, clock: timers.clock, logger });
  }

  /** By the configuration as it is when it dials. A new one leads elsewhere. */
  #newDialler(name: string): PoolSettings["dial"] {
    const { watch, tracesOf, timers } = this.#parts;
    const answers = this.#answers;
    const traces = tracesOf?.(name);
    const dial = async (signal: AbortSignal): Promise<OpenedServer> => {
      const { network, address, dialTimeout, tcpKeepAlive, tcpKeepAlivePeriod } = this.#client;
      const opened = await openServer({
        address: toAddress(network, address),
        tls: this.#tls,
        signal,
        timeoutMs: dialTimeout,
        keepAliveMs: tcpKeepAlive ? tcpKeepAlivePeriod : 0,
        timers,
        answers,
      });
      opened.connection.meter = watch?.block(name).serverMeter;
      return opened;
    };
    return (signal) => traces?.opening(() => dial(signal)) ?? dial(signal);
  }
}

function createBlock(parts: GroupBlocksParts, name: string): PassthroughBlock {
  return new PassthroughBlock(parts, name);
}

function blockNames({ group, config }: { group: string; config: LoadedConfig }): readonly string[] {
  return Object.keys(config.global.clients[group] ?? {});
}

function retire(blocks: readonly PassthroughBlock[]): readonly TenantPool[] {
  for (const { pool } of blocks) pool.retire();
  return blocks.map(({ pool }) => tenantPoolOf(pool));
}

function settingsOf(
  { client, pool, proxy }: BlockConfig,
  dial: PoolSettings["dial"],
): PoolSettings {
  return {
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
    dial,
  };
}

/** Passthrough: the client logs in by itself. */
const NOBODY_YET = { user: "", database: "" };

function tenantPoolOf(pool: Pool): TenantPool {
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
