/** One block in a pooled mode: its pool, and what its clients share beside that. */
import { ServerLoginError, ServerPlace, StatementCatalog } from "../backend/index.ts";
import type { PooledBackend, ServerCredential, ServerTls } from "../backend/index.ts";
import type { ScramKeyCache } from "../auth/index.ts";
import { effectiveMode } from "../config/index.ts";
import type { ClientConfig, PoolConfig } from "../config/index.ts";
import type { Logger } from "../logging/index.ts";
import { dial, NameAnswers } from "../net/index.ts";
import type { TimerWheel } from "../net/index.ts";
import { SharedPool } from "../pool/index.ts";
import type { Pair, SharedPoolSettings } from "../pool/index.ts";
import { AwakeClients, Greetings, PinBudget } from "../session/index.ts";
import type { PooledBlock, PooledMode } from "../session/index.ts";
import type { ServerTraces } from "../tracing/recorder/index.ts";
import type { GroupWatch } from "../watch/index.ts";
import { leadsToSame } from "./block-config.ts";
import type { BlockConfig } from "./block-config.ts";
import { BlockMultiplexing } from "./block-multiplexing.ts";
import { fixedLoginOf } from "./fixed-login.ts";
import type { FixedLogin } from "./fixed-login.ts";
import { localAddressesOf } from "./local-addresses-of.ts";
import { serverConnector, serverLogin } from "./server-connector.ts";
import type { ConnectorLogin, ConnectToServer, ServerConnectorParts } from "./server-connector.ts";
import { ServerReach } from "./server-reach.ts";
import type { TenantPool } from "./tenant.ts";
import { toAddress } from "./to-address.ts";

/** What we log in to servers with, where each user has connections of its own. */
export interface Credentials {
  /** The stored password of a user, or what its client has proved itself with. */
  of(user: string): ServerCredential | undefined;
  /** The server did not take it: the user may have another password by now. */
  doubt(user: string): void;
}

export interface SharedBlockParts {
  readonly group: string;
  readonly name: string;
  readonly credentials: Credentials;
  /** Keys derived from passwords, shared by the blocks. */
  readonly keys: ScramKeyCache;
  readonly watch: GroupWatch | undefined;
  /** Of the connections to the server; undefined: nothing is traced. */
  readonly traces: ServerTraces | undefined;
  readonly timers: TimerWheel;
  readonly logger: Logger;
}

/** Whoever does not open a connection for so long cannot be reached, at the most. */
const KNOCK_MS = 5_000;

/** A client that waits this long is told so. */
const LONG_WAIT_MS = 5_000;

export class SharedBlock {
  readonly pool: SharedPool<PooledBackend>;
  readonly #parts: SharedBlockParts;
  #client: ClientConfig;
  #login: FixedLogin | undefined;
  #answers: NameAnswers;
  #place: ServerPlace;
  #greetings: Greetings;
  #connect: ConnectToServer;
  #logIn: ReturnType<typeof serverLogin>;
  readonly #statements = new StatementCatalog();
  readonly #pinBudget: PinBudget;
  readonly #multiplexing: BlockMultiplexing;
  readonly #awake: AwakeClients;
  #served: PooledBlock;
  readonly #reach: ServerReach;

  constructor(parts: SharedBlockParts, config: BlockConfig, tls: ServerTls | undefined) {
    const { group, name, timers, logger } = parts;
    this.#parts = parts;
    this.#client = config.client;
    this.#login = fixedLoginOf(config.client);
    this.#answers = new NameAnswers({ name, clock: timers.clock, logger });
    this.#place = placeOf(config.client);
    this.#greetings = new Greetings(timers.clock);
    const connector = this.#connector(config, tls);
    this.#connect = serverConnector(connector);
    this.#logIn = serverLogin(connector);
    this.#pinBudget = new PinBudget(maxPinnedOf(config.pool));
    this.#multiplexing = new BlockMultiplexing({ ...parts, block: name });
    this.#awake = new AwakeClients(timers);
    this.pool = new SharedPool<PooledBackend>({
      group,
      name,
      ...settingsOf(config),
      longWaitMs: LONG_WAIT_MS,
      connect: async (pair, signal) => await this.#connectAs(pair, signal),
      ping: async (backend) => {
        const ping = async (): Promise<void> => void (await backend.run(""));
        await (parts.traces?.pinging(backend.connection, ping) ?? ping());
      },
      isStale: ({ address, mayBeStruck }) => mayBeStruck || this.#answers.hasLeft(address),
      timers,
      random: Math.random,
      logger,
    });
    this.#served = this.#toServe(config);
    this.#reach = new ServerReach({
      ...{ name, timers, logger },
      knock: async () => await this.#knock(),
      isProven: () => this.pool.servers().length > 0,
      periodMs: () => this.pool.options.pingAfterIdleMs,
    });
  }

  /** As sessions see it now; another object after each change. */
  get served(): PooledBlock {
    return this.#served;
  }

  /** Connections to the server are for the same user and database, if they are for fixed ones: the pool may stay. */
  mayBecome({ client }: BlockConfig): boolean {
    const next = fixedLoginOf(client);
    const [old, young] = [this.#login, next];
    return old?.user === young?.user && old?.database === young?.database;
  }

  /** What follows from other settings; connections to another server, or with another login, are replaced. */
  reconfigure(config: BlockConfig, tls: ServerTls | undefined): void {
    const { name, timers, logger } = this.#parts;
    const { client, pool } = config;
    const isSame = leadsToSame(this.#client, client);
    this.#client = client;
    this.#login = fixedLoginOf(client);
    if (!isSame) {
      this.#answers = new NameAnswers({ name, clock: timers.clock, logger });
      this.#place = placeOf(client);
      this.#greetings = new Greetings(timers.clock);
    }
    const connector = this.#connector(config, tls);
    this.#connect = serverConnector(connector);
    this.#logIn = serverLogin(connector);
    this.#pinBudget.limit(maxPinnedOf(pool));
    this.#served = this.#toServe(config);
    this.pool.reconfigure(settingsOf(config));
    if (!isSame) this.pool.reconnect();
  }

  get tenantPool(): TenantPool {
    const pool = this.pool;
    const { pinBudget, statements } = this.#served;
    return {
      name: pool.name,
      snapshot: () => {
        const { size, idle, leased, connecting, retiring, waiting, ...rest } = pool.snapshot();
        const { oldestWaitMs, pings: healthChecks } = rest;
        const counts = { size, available: idle, leased, connecting, retiring, waiting };
        const { pinned, pins, refusals: pinRefusals } = pinBudget;
        const { hits: preparedHits, misses: preparedMisses } = statements;
        const sharing = { pinned, pins, pinRefusals, preparedHits, preparedMisses };
        const isLive = pool.isLive && !this.#reach.isAway;
        const { isPaused } = pool;
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
      lookForServer: async () => await this.#reach.look(),
      close: async () => {
        this.#reach.close();
        this.#multiplexing.close();
        await pool.close();
      },
    };
  }

  #toServe({ client, pool }: BlockConfig): PooledBlock {
    return {
      pool: this.pool,
      login: this.#login,
      mode: pooledModeOf(effectiveMode(pool, client)),
      resetQuery: pool.resetQuery,
      greetings: this.#greetings,
      statements: this.#statements,
      pinBudget: this.#pinBudget,
      multiplexing: this.#multiplexing.of(pool),
      place: this.#place,
      awake: this.#awake,
      openReplication: async (pair, { parameters, protocolVersion }, signal) => {
        const login = this.#loginOf(pair);
        const all = [...login.parameters, ...parameters];
        return await this.#logIn({ ...login, parameters: all, protocolVersion }, signal);
      },
    };
  }

  async #knock(): Promise<void> {
    const { network, address, dialTimeout } = this.#client;
    const timeoutMs = dialTimeout === 0 ? KNOCK_MS : Math.min(dialTimeout, KNOCK_MS);
    const { timers } = this.#parts;
    const where = toAddress(network, address);
    const { connection } = await dial({ address: where, timeoutMs, keepAliveMs: 0, timers });
    connection.close();
  }

  async #connectAs(pair: Pair, signal: AbortSignal): Promise<PooledBackend> {
    const open = (): Promise<PooledBackend> => this.#connect(this.#loginOf(pair), signal);
    try {
      return await (this.#parts.traces?.opening(open) ?? open());
    } catch (thrown) {
      if (thrown instanceof ServerLoginError) this.#parts.credentials.doubt(pair.user);
      throw thrown;
    }
  }

  #loginOf({ user, database }: Pick<Pair, "user" | "database">): ConnectorLogin {
    const own = { user, database, parameters: [], credential: undefined };
    return this.#login ?? { ...own, credential: this.#parts.credentials.of(user) };
  }

  #connector({ client, pool }: BlockConfig, tls: ServerTls | undefined): ServerConnectorParts {
    const { name, keys, watch, timers, logger } = this.#parts;
    return {
      block: name,
      client,
      tls,
      keys,
      maxStatements: pool.preparedStatements,
      place: this.#place,
      answers: this.#answers,
      meter: watch?.block(name).serverMeter,
      timers,
      logger,
    };
  }
}

function placeOf({ network, address }: ClientConfig): ServerPlace {
  return new ServerPlace(toAddress(network, address));
}

function maxPinnedOf({ maxPinned, size }: PoolConfig): number {
  return maxPinned ?? Math.max(1, size - 1);
}

function settingsOf({ pool, proxy }: BlockConfig): SharedPoolSettings {
  return {
    size: pool.size,
    minSize: pool.minSize,
    queueTimeoutMs: pool.queueTimeout,
    maxWaiting: pool.maxWaiting,
    idleTimeoutMs: pool.idleTimeout,
    maxLifetimeMs: pool.maxLifetime,
    pingAfterIdleMs: proxy.healthCheckPeriod,
  };
}

/** A pooled group has pooled blocks only: checked at load. */
function pooledModeOf(mode: PoolConfig["mode"]): PooledMode {
  if (mode === "passthrough") throw new Error("a block in passthrough mode has no shared pool");
  return mode;
}
