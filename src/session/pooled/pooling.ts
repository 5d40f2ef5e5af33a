/** What the sessions of a pooled group share. Built by gateway/, read by every session. */
import type {
  LoggedInServer,
  PooledBackend,
  ServerPlace,
  StatementCatalog,
} from "../../backend/index.ts";
import type { Strategy } from "../../balancer/index.ts";
import { GatewayError } from "../../errors.ts";
import { BlockChoice } from "../../pool/index.ts";
import type { BlockSet, LeaseTicket, Pair, PairLane, SharedPool } from "../../pool/index.ts";
import { BackendWriter } from "../../postgres/index.ts";
import type { Multiplexing } from "../multiplexing/index.ts";
import type { AwakeClients } from "./awake-clients.ts";
import type { Greetings } from "./greeting.ts";
import { KnownStartups } from "./known-startups.ts";
import type { LoginGate } from "./login-gate.ts";
import type { PinBudget } from "./pin-budget.ts";
import { RandomBytes } from "./random-bytes.ts";
import { findRoute } from "./route.ts";
import type { Route } from "./route.ts";

export type PooledMode = "session" | "transaction" | "statement";

/** One block of the group. */
export interface PooledBlock {
  readonly pool: SharedPool<PooledBackend>;
  /** A login to the server that all clients share; undefined: there is one for each user. */
  readonly login: Pick<Pair, "user" | "database"> | undefined;
  readonly mode: PooledMode;
  readonly resetQuery: string;
  readonly greetings: Greetings;
  readonly statements: StatementCatalog;
  readonly pinBudget: PinBudget;
  /** Undefined where a backend serves one session at a time. */
  readonly multiplexing: Multiplexing | undefined;
  readonly place: ServerPlace;
  readonly awake: AwakeClients;
  /** Opens a connection for replication, which is no part of the pool. */
  readonly openReplication: OpenReplication;
}

/** A block, as clients that are logged in need it. */
export type ServingBlock = Omit<PooledBlock, "login" | "greetings" | "openReplication">;

/** Rejects as logging in to a server does; nothing is open then. */
export type OpenReplication = (
  pair: Pick<Pair, "user" | "database">,
  startup: ReplicationStartup,
  signal: AbortSignal,
) => Promise<LoggedInServer>;

/** What a client asks of a replication connection. */
export interface ReplicationStartup {
  readonly parameters: readonly (readonly [name: string, value: string])[];
  readonly protocolVersion: number;
}

export interface BlocksAndRoutes {
  /** In the order of the configuration file. */
  readonly blocks: readonly PooledBlock[];
  /** Undefined: every database is asked of every block. */
  readonly routes: readonly Route[] | undefined;
  /** How clients are spread over the blocks that are for them. */
  readonly newStrategy: () => Strategy;
  /** Those that there are go on, with what they remember. Default: no. */
  readonly keepsStrategies?: boolean;
}

export interface PoolingOptions extends BlocksAndRoutes {
  readonly gate: LoginGate;
}

/** Where a session has its work done. */
export interface Destination {
  readonly block: PooledBlock;
  readonly lane: PairLane<PooledBackend>;
}

/** As many as PostgreSQL 18 gives. */
const LONG_SECRET_BYTES = 32;
const SHORT_SECRET_BYTES = 4;

type Blocks = BlockSet<SharedPool<PooledBackend>>;

export class Pooling {
  readonly gate: LoginGate;
  readonly startups = new KnownStartups();
  #blocks: ReadonlyMap<SharedPool<PooledBackend>, PooledBlock> = new Map();
  #routes: readonly Route[] | undefined;
  readonly #choice: BlockChoice<LeaseTicket<PooledBackend>, SharedPool<PooledBackend>>;
  /** Those of routes that are not for all blocks. */
  readonly #sets = new Map<string, Blocks>();
  /** Of all blocks that there were: a pool has the same user and database as long as it is there. */
  readonly #logins = new WeakMap<SharedPool<PooledBackend>, PooledBlock["login"]>();
  /** For those whose route is no more. */
  readonly #nowhere: Blocks;
  readonly #secrets = new RandomBytes();
  readonly #writer = new BackendWriter();
  #lastProcessId = 0;

  constructor(options: PoolingOptions) {
    this.gate = options.gate;
    this.#nowhere = { pools: [], strategy: options.newStrategy() };
    this.#choice = new BlockChoice(
      [],
      options.newStrategy(),
      ({ lane }) => this.#setOf(lane?.pair.key ?? ""),
      (from, to) => this.#haveSameLogin(from, to),
    );
    this.reconfigure(options);
  }

  /**
   * Other blocks and routes, for clients that log in from now on, and for those that {@link goOn}. Who waits for a block
   * that is no more goes to another one, if the routes have one for it.
   */
  reconfigure({ blocks, routes, newStrategy, keepsStrategies = false }: BlocksAndRoutes): void {
    this.#blocks = new Map(blocks.map((block) => [block.pool, block]));
    for (const { pool, login } of blocks) this.#logins.set(pool, login);
    this.#routes = routes;
    const pools = [...this.#blocks.keys()];
    const known = new Map(keepsStrategies ? this.#sets : []);
    this.#sets.clear();
    for (const route of routes ?? []) {
      const key = keyOf(route);
      if (this.#sets.has(key)) continue;
      const own = pools.filter(({ name }) => route.blocks.includes(name));
      const strategy = known.get(key)?.strategy ?? newStrategy();
      this.#sets.set(key, { pools: own, strategy });
    }
    this.#choice.reconfigure(pools, keepsStrategies ? this.#choice.strategy : newStrategy());
  }

  /**
   * A block for a client, for the life of its session: one that lives, if there is any; and its place there.
   * @throws GatewayError ERR_DATABASE_UNKNOWN when there are routes, and none is for this client, or when the
   *   block is logged in to another database
   * @param isOfDatabase false for physical replication: it is of the whole server
   */
  choose(
    client: { readonly remoteAddress: string },
    user: string,
    database: string,
    isOfDatabase = true,
  ): Destination {
    return this.#lead(user, database, isOfDatabase, (set) => this.#choice.pick(client, set));
  }

  /**
   * Where a client that has nothing under way goes on after a change: at its block, as that is now, if the routes have
   * it for the client still; or else at another one.
   * @throws GatewayError as {@link choose}
   */
  goOn(
    client: { readonly remoteAddress: string },
    user: string,
    database: string,
    { pool }: Pick<PooledBlock, "pool">,
  ): Destination {
    return this.#lead(user, database, true, (set) =>
      set.pools.includes(pool) ? pool : this.#choice.pick(client, set),
    );
  }

  #lead(
    user: string,
    database: string,
    isOfDatabase: boolean,
    pick: (set: Blocks) => SharedPool<PooledBackend>,
  ): Destination {
    const route = this.#routes && findRoute(this.#routes, user, database);
    const key = route === undefined ? "" : keyOf(route);
    const pool = pick(this.#setOf(key));
    const block = this.#blocks.get(pool);
    if (block === undefined) throw new Error(`no block ${pool.name}`); // It was one of them.
    const wanted = route?.as ?? database;
    const { login = { user, database: wanted } } = block;
    if (login.database === wanted || !isOfDatabase) {
      return { block, lane: pool.lane({ user: login.user, database: login.database, key }) };
    }
    const who = `user ${JSON.stringify(user)}, database ${JSON.stringify(wanted)}`;
    const what = `${who}: ${pool.name} has ${JSON.stringify(login.database)} alone`;
    throw new GatewayError("ERR_DATABASE_UNKNOWN", what);
  }

  /** Where all clients are led to; undefined with several blocks. */
  get onlyPlace(): ServerPlace | undefined {
    const [first, ...others] = this.#blocks.values();
    return others.length === 0 ? first?.place : undefined;
  }

  /** Opens the server connections that are to be ready before anybody comes: those whose login is known. */
  warm(): void {
    for (const { pool, login } of this.#blocks.values()) {
      if (login === undefined) continue;
      const routes = this.#routes?.filter(({ blocks }) => blocks.includes(pool.name));
      const keys = new Set(routes?.map(keyOf) ?? [""]);
      for (const key of keys) pool.warm({ user: login.user, database: login.database, key });
    }
  }

  /**
   * What a client of this gateway cancels by: a number of ours, and a secret.
   * @param isLong the client speaks a protocol whose secrets may be longer than four bytes
   * @returns a BackendKeyData
   */
  newCancelKey(isLong: boolean): Uint8Array {
    this.#lastProcessId = (this.#lastProcessId + 1) & 0x7fff_ffff;
    const secretKey = this.#secrets.take(isLong ? LONG_SECRET_BYTES : SHORT_SECRET_BYTES);
    return this.#writer.backendKeyData({ processId: this.#lastProcessId, secretKey }).take();
  }

  /** Who waits at the one has asked for a connection as the other one has them. */
  #haveSameLogin(from: SharedPool<PooledBackend>, to: SharedPool<PooledBackend>): boolean {
    const [own, other] = [this.#logins.get(from), this.#logins.get(to)];
    return own?.user === other?.user && own?.database === other?.database;
  }

  #setOf(key: string): Blocks {
    if (this.#routes === undefined && key === "") return this.#choice;
    return this.#sets.get(key) ?? this.#nowhere;
  }
}

/**
 * Part of a pair, so that a waiter whose block has died can be told from those that may go elsewhere.
 * Routes to the same blocks share their backends.
 */
function keyOf({ blocks }: Route): string {
  return JSON.stringify(blocks.toSorted());
}
