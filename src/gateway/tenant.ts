/** One group at work: its listeners, sessions and pools. A part of the data half. */
import { GatewayError } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { listen } from "../net/index.ts";
import type { Address, Connection, Listener, TimerWheel } from "../net/index.ts";
import type { PoolWaiter } from "../pool/index.ts";
import { Session } from "../session/index.ts";
import type { SessionContext } from "../session/index.ts";
import { backendSnapshots, waiterSnapshots } from "./connection-snapshots.ts";
import type { BlockServers } from "./connection-snapshots.ts";
import type { GroupBlocks } from "./group-blocks.ts";
import type {
  BackendSnapshot,
  BlockEnds,
  BlockSnapshot,
  ControlPort,
  GroupSnapshot,
  PoolAction,
  SessionSnapshot,
  WaiterSnapshot,
} from "./control-port.ts";

/** The backends of one block, of whatever mode. */
export interface TenantPool {
  readonly name: string;
  snapshot(): BlockSnapshot;
  /** Our addresses of the idle backends. */
  idleAddresses(): readonly string[];
  servers(): Omit<BlockServers, "block">;
  waiters(): readonly PoolWaiter[];
  /** Undefined where the mode cannot do it. */
  command(action: PoolAction): (() => void) | undefined;
  /** Finds out whether the server can be reached. Absent where connections are opened before anybody asks. */
  lookForServer?(): Promise<void>;
  /** Resolves when the last backend is gone. */
  close(): Promise<void>;
}

export interface TenantOptions {
  readonly group: string;
  readonly addresses: readonly Address[];
  readonly socketMode: number;
  readonly reusePort: boolean;
  readonly blocks: GroupBlocks;
  /** Read by all sessions; {@link Tenant.reconfigure} changes what it says. */
  readonly context: SessionContext;
  readonly timers: TimerWheel;
}

/** Port that names the socket file when only a directory is configured. */
const DEFAULT_PORT = 15_432;

/** What a group has after a change. */
export interface TenantBlocks {
  readonly blocks: GroupBlocks;
  readonly retired: readonly TenantPool[];
  readonly isTold: boolean;
}

interface RetiredBlock {
  readonly pool: TenantPool;
  /** Those that may have to do with it still. */
  readonly sessions: Set<Session>;
}

export class Tenant implements ControlPort {
  readonly #options: TenantOptions;
  readonly #context: SessionContext;
  readonly #sessions = new Set<Session>();
  #blocks: GroupBlocks;
  /** Blocks that are no more, until the sessions that were there then are gone. */
  readonly #retired = new Set<RetiredBlock>();
  #listeners: Listener[] = [];
  /** Clients that have come before the group serves; undefined: it does. */
  #early: Connection[] | undefined;
  /** Why it drains; undefined: it does not. */
  #goodbye: ErrorCode | undefined;
  /** Wait for the last session to go. */
  readonly #awaitEmpty: (() => void)[] = [];
  readonly #onEnded = (session: Session): void => {
    this.#sessions.delete(session);
    for (const block of this.#retired) this.#left(block, session);
    if (this.#sessions.size > 0) return;
    for (const resolve of this.#awaitEmpty.splice(0)) resolve();
  };

  constructor(options: TenantOptions) {
    this.#options = options;
    // A copy: what it says is ours to change.
    this.#context = { ...options.context };
    this.#blocks = options.blocks;
  }

  get group(): string {
    return this.#options.group;
  }

  get addresses(): readonly string[] {
    return this.#listeners.map(({ address }) => address);
  }

  get clients(): number {
    return this.#sessions.size + (this.#early?.length ?? 0);
  }

  /**
   * Opens every listener, or none.
   * @param addresses in place of the configured ones
   * @throws GatewayError ERR_LISTEN_FAILED, or ERR_SHUTTING_DOWN when it is told to drain meanwhile
   */
  async listen(addresses: readonly Address[] = this.#options.addresses): Promise<void> {
    const { socketMode, reusePort, timers } = this.#options;
    const tcp = addresses.find((address) => address.kind === "tcp");
    const directoryPort = tcp?.kind === "tcp" && tcp.port !== 0 ? tcp.port : DEFAULT_PORT;
    try {
      for (const address of addresses) {
        const listener = await listen({
          address,
          directoryPort,
          socketMode,
          reusePort,
          timers,
          onConnection: (connection) => this.#accept(connection),
        });
        this.#listeners.push(listener);
        if (this.#goodbye !== undefined) throw new GatewayError("ERR_SHUTTING_DOWN");
      }
    } catch (thrown) {
      this.#stopListening();
      throw thrown;
    }
  }

  /** Clients that come wait until {@link serve}: they are not read from, and hear nothing. */
  serveLater(): void {
    this.#early ??= [];
  }

  serve(): void {
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const connection of early) {
      if (!connection.isOpen) continue;
      this.#accept(connection);
      connection.resume();
    }
  }

  /** Opens the server connections of pooled blocks that are to be ready; does not wait for them. */
  warm(): void {
    this.#context.pooling?.warm();
  }

  /**
   * Other settings, for clients that come from now on; sessions take them as soon as they can.
   * @param retired blocks that are no more: they stay for who has still to do with them
   * @param isTold sessions have something to take
   */
  reconfigure(settings: Partial<SessionContext>, { blocks, retired, isTold }: TenantBlocks): void {
    Object.assign(this.#context, settings);
    this.#blocks = blocks;
    for (const pool of retired) {
      const block = { pool, sessions: new Set(this.#sessions) };
      this.#retired.add(block);
      if (block.sessions.size === 0) this.#discard(block);
    }
    if (!isTold) return;
    for (const session of [...this.#sessions]) session.settingsChanged();
  }

  snapshot(): GroupSnapshot {
    const pools = this.#blocks.pools.map((pool) => [pool.name, pool.snapshot()] as const);
    return {
      group: this.group,
      addresses: this.addresses,
      clients: this.clients,
      clientsOf: this.#clientsOf(),
      pools: Object.fromEntries(pools),
    };
  }

  /** A client that has not been led to a block yet is among those of the first one. */
  ends(): Readonly<Record<string, BlockEnds>> {
    const { pools } = this.#blocks;
    const [first] = pools;
    const clients = Map.groupBy(this.#sessions, ({ facts }) => facts.block ?? first?.name);
    const ends = pools.map((pool) => {
      const clientAddresses = clients.get(pool.name)?.map((session) => session.remoteAddress) ?? [];
      return [pool.name, { availableAddresses: pool.idleAddresses(), clientAddresses }] as const;
    });
    return Object.fromEntries(ends);
  }

  sessions(): readonly SessionSnapshot[] {
    const nowMs = this.#options.timers.clock.now();
    return [...this.#sessions].map((session) => {
      const { facts, remoteAddress, localAddress, isEncrypted, activity, openedMs } = session;
      const { id, block, user, database, applicationName, transactionStatus } = facts;
      return {
        ...{ id, block, clientAddress: remoteAddress, localAddress, user, database },
        ...{ applicationName, isEncrypted, ageMs: nowMs - openedMs, activity, transactionStatus },
      };
    });
  }

  backends(): readonly BackendSnapshot[] {
    const { timers } = this.#options;
    const blocks = this.#pools.map((pool) => ({ block: pool.name, ...pool.servers() }));
    return backendSnapshots(blocks, this.#sessions, timers.clock.now());
  }

  waiters(): readonly WaiterSnapshot[] {
    const blocks = this.#pools.map((pool) => ({ block: pool.name, waiters: pool.waiters() }));
    return waiterSnapshots(blocks, this.#sessions);
  }

  /** Those of blocks that are no more, too, while they have something. */
  get #pools(): readonly TenantPool[] {
    return [...this.#blocks.pools, ...[...this.#retired].map(({ pool }) => pool)];
  }

  kill(id: string): boolean {
    const session = this.#sessionOf(id);
    session?.kill();
    return session !== undefined;
  }

  async cancelQuery(id: string): Promise<boolean> {
    const session = this.#sessionOf(id);
    await session?.cancelQuery();
    return session !== undefined;
  }

  commandPool(block: string, action: PoolAction): void {
    const pool = this.#blocks.pools.find(({ name }) => name === block);
    if (pool === undefined) {
      const known = this.#blocks.pools.map(({ name }) => name).join(", ");
      throw new GatewayError("ERR_ADMIN_NOT_FOUND", `there is no block "${block}", but: ${known}`);
    }
    const run = pool.command(action);
    if (run === undefined) {
      const message = `a block in mode passthrough cannot ${action}: its clients have connections of their own`;
      throw new GatewayError("ERR_ADMIN_INVALID", message);
    }
    run();
  }

  #sessionOf(id: string): Session | undefined {
    return this.#sessions.values().find(({ facts }) => facts.id === id);
  }

  /** By looking at all of them: what counts along would have to be kept right in every way that one ends. */
  #clientsOf(): GroupSnapshot["clientsOf"] {
    const clientsOf: Record<string, { count: number; encrypted: number }> = {};
    for (const { facts, isEncrypted } of this.#sessions) {
      const { block } = facts;
      if (block === undefined) continue;
      const clients = (clientsOf[block] ??= { count: 0, encrypted: 0 });
      clients.count++;
      if (isEncrypted) clients.encrypted++;
    }
    return clientsOf;
  }

  /** Another gateway listens at each of its addresses. */
  get isTakenOver(): boolean {
    return this.#listeners.length > 0 && this.#listeners.every(({ isShared }) => isShared);
  }

  /** Leaves its addresses to whoever else listens there; clients who have come until then go on as they like. */
  async leave(): Promise<void> {
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.leave()));
  }

  drain(code: ErrorCode = "ERR_SHUTTING_DOWN"): void {
    this.#goodbye ??= code;
    this.#stopListening();
    for (const session of [...this.#sessions]) session.drain(this.#goodbye);
  }

  async whenEmpty(): Promise<void> {
    if (this.#sessions.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#awaitEmpty.push(resolve);
    await promise;
  }

  cut(): void {
    for (const connection of this.#early?.splice(0) ?? []) connection.terminate();
    const code = this.#goodbye ?? "ERR_SHUTTING_DOWN";
    for (const session of [...this.#sessions]) session.cut(code);
  }

  async close(): Promise<void> {
    this.#stopListening();
    await Promise.all([...this.#pools.map((pool) => pool.close()), this.#blocks.close()]);
  }

  #left(block: RetiredBlock, session: Session): void {
    if (block.sessions.delete(session) && block.sessions.size === 0) this.#discard(block);
  }

  #discard(block: RetiredBlock): void {
    this.#retired.delete(block);
    void block.pool.close();
  }

  #stopListening(): void {
    for (const listener of this.#listeners.splice(0)) listener.stop();
  }

  #accept(connection: Connection): void {
    if (this.#early !== undefined) {
      connection.pause();
      this.#early.push(connection);
      return;
    }
    const admission = this.#context.budget.admit();
    if (admission === "refused") {
      connection.terminate();
      return;
    }
    const session = new Session(connection, this.#context, admission, this.#onEnded);
    this.#sessions.add(session);
    session.start();
    // Accepted in the same moment as the listener was stopped.
    if (this.#goodbye !== undefined) session.drain(this.#goodbye);
  }
}
