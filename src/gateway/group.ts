/** One group of the configuration at work: built, opened, changed, drained and stopped. */
import { formatDuration } from "../config/index.ts";
import type { LoadedConfig, ServerConfig } from "../config/index.ts";
import type { HookRegistry } from "../hooks/index.ts";
import type { Logger } from "../logging/index.ts";
import type { Deadline, TimerWheel } from "../net/index.ts";
import type { CancelKeys, ClientTls, VirtualDatabase } from "../session/index.ts";
import type { GroupWatch, TraceIdOf } from "../watch/index.ts";
import type { BootHooks } from "./boot-hooks.ts";
import type { BootTrace } from "./boot-trace.ts";
import { BuiltTenant } from "./built-tenant.ts";
import type { CancelPeers } from "./cancel-peers.ts";
import { ConnectionBudget } from "./connection-budget.ts";
import type { DescriptorBudget } from "./connection-budget.ts";
import type { TracesOfBlock } from "./group-blocks.ts";
import { GroupFiles } from "./group-files.ts";
import { serverOf } from "./server-of.ts";
import { startDelay } from "./start-delay.ts";
import type { Tenant } from "./tenant.ts";
import { toAddress } from "./to-address.ts";
import { within } from "./within.ts";

/** Peers that do not finish within this time are cut off by the end of the process. */
const STOP_MS = 1_000;

export interface GroupParts {
  readonly name: string;
  readonly config: LoadedConfig;
  readonly descriptors: DescriptorBudget;
  readonly cancelKeys: CancelKeys;
  readonly cancelPeers: CancelPeers;
  readonly hooks: HookRegistry;
  readonly bootHooks: BootHooks;
  readonly watch: GroupWatch | undefined;
  readonly traceIdOf: TraceIdOf | undefined;
  /** Of the connections to the server of a block; undefined: nothing is traced. */
  readonly tracesOf: TracesOfBlock | undefined;
  /** Makes the console; undefined: there is none. */
  readonly virtualOf: (tls: ClientTls) => VirtualDatabase | undefined;
  /** A ticker has ticked. */
  readonly ticked: () => void;
  readonly timers: TimerWheel;
  readonly logger: Logger;
}

export class Group {
  readonly name: string;
  readonly #parts: GroupParts;
  readonly #budget: ConnectionBudget;
  readonly #built: BuiltTenant;
  #server: ServerConfig;
  #files: GroupFiles;
  #ticker: Deadline | undefined;
  #hasListened = false;
  /** Its addresses are another gateway's now. */
  #isLeft = false;
  #stopped: Promise<void> | undefined;

  /** @throws GatewayError ERR_CONFIG_INVALID naming a file that cannot be used, and why */
  constructor(parts: GroupParts) {
    const { name, config, descriptors, logger } = parts;
    this.name = name;
    this.#parts = parts;
    this.#server = serverOf(config.global, name);
    this.#files = new GroupFiles(name, config.global, logger);
    this.#budget = new ConnectionBudget(this.#server.maxConnections, descriptors);
    this.#tellOfLoweredLimit();
    const virtual = parts.virtualOf(this.#currentTls());
    const own = { group: name, budget: this.#budget, files: this.#files, virtual };
    this.#built = new BuiltTenant({ ...parts, ...own });
  }

  get tenant(): Tenant {
    return this.#built.tenant;
  }

  get hasListened(): boolean {
    return this.#hasListened;
  }

  /**
   * Opens the pools that are to be filled before anybody comes.
   * @param expectWanted throws when nobody wants it any more
   */
  async openPools(expectWanted: () => void, trace: BootTrace): Promise<void> {
    const { bootHooks, logger } = this.#parts;
    for (const pool of this.#built.toBeOpened) {
      expectWanted();
      await pool.open();
      trace.event("Create pool", { group: this.name, name: pool.name, size: pool.options.size });
      await bootHooks.newPool(this.name, pool);
      logger.info("There are clients available in the pool", {
        count: pool.snapshot().available,
        name: pool.name,
      });
    }
    this.tenant.warm();
  }

  /** Resolves when it is known of the servers whether they can be reached. */
  async lookForServers(): Promise<void> {
    await this.#built.lookForServers();
  }

  /** The same for a group that comes while others are served: nobody waits for its servers. */
  openPoolsSoon(): void {
    for (const pool of this.#built.toBeOpened) pool.openSoon();
    this.tenant.warm();
    void this.lookForServers();
  }

  /** Plugins hear of pools and proxies that are new: all, or those of these blocks. */
  async announce(names?: readonly string[]): Promise<void> {
    for (const pool of this.#built.toBeOpened) {
      if (names?.includes(pool.name) === false) continue;
      await this.#parts.bootHooks.newPool(this.name, pool);
      await this.#parts.bootHooks.newProxy();
    }
  }

  async announceProxies(): Promise<void> {
    const { bootHooks, logger } = this.#parts;
    for (const pool of this.#built.toBeOpened) {
      const { healthCheckPeriodMs } = pool.options;
      if (healthCheckPeriodMs > 0) {
        logger.info("Started the client health check scheduler", {
          name: pool.name,
          healthCheckPeriod: formatDuration(healthCheckPeriodMs),
          startDelay: startDelay(healthCheckPeriodMs),
        });
      }
      await bootHooks.newProxy();
    }
  }

  /**
   * Clients can come when this resolves.
   * @param expectWanted throws when nobody wants it any more
   * @throws GatewayError ERR_LISTEN_FAILED
   */
  async listen(expectWanted: () => void, trace: BootTrace): Promise<void> {
    const { bootHooks, cancelPeers, logger } = this.#parts;
    const [configured = "", ...others] = this.#server.address;
    const address = await bootHooks.run(configured);
    await bootHooks.booting();
    expectWanted();
    this.#files.watch();
    // Clients of other gateways may send their cancel requests here, and ours there.
    if (this.#server.reusePort) cancelPeers.open();
    const replacing = [address, ...others].map((text) => toAddress(this.#server.network, text));
    await this.tenant.listen(address === configured ? undefined : replacing);
    expectWanted();
    this.#hasListened = true;
    await bootHooks.booted();
    expectWanted();
    for (const listening of this.tenant.addresses) {
      logger.info("GatewayD is listening", { address: listening });
      trace.event("Listen", { group: this.name, address: listening });
    }
    if (this.#server.tlsMode !== "disable") logger.info("TLS is enabled");
    this.#setTicker();
  }

  /**
   * Reads what another configuration needs.
   * @returns puts it into effect
   * @throws GatewayError ERR_CONFIG_INVALID naming a file that cannot be used, and why
   */
  prepare(change: GroupChange): () => void {
    const { config, isSpreadAnew, isChanged } = change;
    const files = new GroupFiles(this.name, config.global, this.#parts.logger);
    return () => {
      const before = this.#server;
      this.#server = serverOf(config.global, this.name);
      this.#files.close();
      this.#files = files;
      files.watch();
      this.#built.reconfigure({ config, files, isSpreadAnew, isChanged });
      this.#budget.limit(this.#server.maxConnections);
      if (before.maxConnections !== this.#server.maxConnections) this.#tellOfLoweredLimit();
      const { enableTicker, tickInterval } = this.#server;
      if (before.enableTicker !== enableTicker || before.tickInterval !== tickInterval) {
        this.#setTicker();
      }
    };
  }

  /** Leaves its addresses to another gateway that listens at all of them. */
  async leave(): Promise<void> {
    this.#isLeft = true;
    await this.tenant.leave();
    const { clients } = this.tenant;
    this.#parts.logger.info("Another gateway has taken over; clients may finish", { clients });
  }

  /** How long {@link drain} may take. */
  get longestDrainMs(): number {
    const { drainTimeout } = this.#server;
    return this.#isLeft ? 2 * drainTimeout : drainTimeout;
  }

  /**
   * Lets clients finish, up to its `drainTimeout`. Those of a group that was left go on as they like for so long first,
   * idle ones too.
   */
  async drain(): Promise<void> {
    const { timers, logger } = this.#parts;
    const { drainTimeout } = this.#server;
    if (this.#isLeft) await within(drainTimeout, this.tenant.whenEmpty(), timers);
    logger.info("GatewayD is shutting down");
    this.tenant.drain();
    await within(drainTimeout, this.tenant.whenEmpty(), timers);
  }

  /** It is no part of the configuration any more: its clients have its `drainTimeout` to finish, then it ends. */
  async letGo(): Promise<void> {
    const { timers, logger } = this.#parts;
    const { clients } = this.tenant;
    logger.info("The group is no longer in the configuration; its clients may finish", { clients });
    this.tenant.drain("ERR_BLOCK_REMOVED");
    await within(this.#server.drainTimeout, this.tenant.whenEmpty(), timers);
    await this.stop();
  }

  /** Ends what is left, within {@link STOP_MS} for sessions and pools each. */
  async stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    await this.#stopped;
  }

  async #stop(): Promise<void> {
    const { bootHooks, timers, logger } = this.#parts;
    const { tenant } = this;
    const { clients } = tenant;
    this.#ticker?.dispose();
    this.#files.close();
    tenant.drain();
    tenant.cut();
    await within(STOP_MS, tenant.whenEmpty(), timers);
    await within(STOP_MS, tenant.close(), timers);
    if (!this.#hasListened) return;
    await within(STOP_MS, bootHooks.shutdown(clients), timers);
    logger.info("Stopped the server");
  }

  /** Follows the files that there are. */
  #currentTls(): ClientTls {
    const files = (): GroupFiles => this.#files;
    return {
      get mode() {
        return files().tls.mode;
      },
      current: () => files().tls.current(),
    };
  }

  #setTicker(): void {
    this.#ticker?.dispose();
    const { enableTicker, tickInterval } = this.#server;
    if (!enableTicker) return;
    const { bootHooks, ticked, timers, logger } = this.#parts;
    const tick = (): void => {
      // Not an interval of the runtime: one of more than 24 days would tick every millisecond.
      ticker.set(tickInterval);
      const { clients: count } = this.tenant;
      ticked();
      logger.info("Active client connections", { count });
      void bootHooks.tick(count);
    };
    const ticker = timers.deadline(tick);
    this.#ticker = ticker;
    tick();
  }

  #tellOfLoweredLimit(): void {
    const { maxConnections } = this.#budget;
    if (maxConnections >= this.#server.maxConnections) return;
    this.#parts.logger.warn("maxConnections is lowered to what the limit of open files allows", {
      maxConnections,
      configured: this.#server.maxConnections,
    });
  }
}

/** What a reload means for a group that stays. */
export interface GroupChange {
  readonly config: LoadedConfig;
  /** Clients are spread otherwise than before, or over other blocks. */
  readonly isSpreadAnew: boolean;
  /** Something is different, beside the contents of files. */
  readonly isChanged: boolean;
}
