/** The blocks of a group in pooled modes, and the gate that its clients log in at. */
import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { LoginThrottle, ScramKeyCache, ScramSecrets, UserTable } from "../auth/index.ts";
import type { UserDirectory } from "../auth/index.ts";
import { USER_QUERY_LIMIT_MS } from "../backend/index.ts";
import type { ServerTls, UserQuery } from "../backend/index.ts";
import { loginRulesOf } from "../config/index.ts";
import type { GatewayAuth, ServerConfig } from "../config/index.ts";
import { BlockRouter } from "../pool/index.ts";
import { ConnectionCaps, LoginGate, Pooling } from "../session/index.ts";
import type { LoginGateOptions, Route } from "../session/index.ts";
import { channelBindingOf } from "./channel-binding-of.ts";
import { blockConfigOf } from "./block-config.ts";
import type { GroupBlocks, GroupBlocksParts } from "./group-blocks.ts";
import type { GroupFiles } from "./group-files.ts";
import { queryUsers, userDirectory } from "./query-users.ts";
import { serverConnector } from "./server-connector.ts";
import { serverOf } from "./server-of.ts";
import { SharedBlock } from "./shared-block.ts";
import type { TenantPool } from "./tenant.ts";

export interface PooledBlocksParts extends GroupBlocksParts {
  readonly auth: GatewayAuth;
}

/** Bytes that stand for unknown users, the same for the life of the process. */
const PROCESS_SECRET_BYTES = 32;

export class PooledBlocks implements GroupBlocks {
  readonly pooling: Pooling;
  /** Without any: nobody asks here. */
  readonly router: BlockRouter;
  #files: GroupFiles;
  #newStrategy: PooledBlocksParts["newStrategy"];
  #blocks: ReadonlyMap<string, SharedBlock>;
  /** Undefined where users are not asked for. */
  #userQuery: AskedUsers | undefined;
  #users: UserDirectory;
  readonly #gate: LoginGate;
  readonly #caps: ConnectionCaps;
  readonly #keys = new ScramKeyCache();
  readonly #secrets = new ScramSecrets(randomBytes(PROCESS_SECRET_BYTES));
  readonly #throttle = new LoginThrottle();

  constructor(parts: PooledBlocksParts) {
    const { newStrategy, timers } = parts;
    this.#files = parts.files;
    this.#newStrategy = newStrategy;
    this.router = new BlockRouter([], newStrategy(), () => timers.clock.now());
    this.#caps = new ConnectionCaps(capsOf(parts.auth));
    this.#userQuery = this.#newUserQuery(parts);
    this.#users = this.#newUsers(parts);
    this.#gate = new LoginGate(this.#gateOptions(parts));
    this.#blocks = new Map(blockNames(parts).map((name) => [name, this.#newBlock(parts, name)]));
    this.pooling = new Pooling({
      gate: this.#gate,
      blocks: this.#served,
      routes: routesOf(serverOf(parts.config.global, parts.group)),
      newStrategy,
    });
  }

  get pools(): readonly TenantPool[] {
    return [...this.#blocks.values()].map(({ tenantPool }) => tenantPool);
  }

  reconfigure(parts: PooledBlocksParts): readonly TenantPool[] {
    this.#files = parts.files;
    this.#followUsers(parts);
    this.#caps.reconfigure(capsOf(parts.auth));
    this.#gate.reconfigure(this.#gateOptions(parts));
    const before = this.#blocks;
    this.#blocks = new Map(
      blockNames(parts).map((name) => [
        name,
        this.#blockAsConfigured(before.get(name), parts, name),
      ]),
    );
    this.pooling.reconfigure({
      blocks: this.#served,
      routes: routesOf(serverOf(parts.config.global, parts.group)),
      newStrategy: parts.newStrategy,
      keepsStrategies: parts.newStrategy === this.#newStrategy,
    });
    this.#newStrategy = parts.newStrategy;
    this.pooling.warm();
    const kept = new Set(this.#blocks.values());
    return retire([...before.values()].filter((block) => !kept.has(block)));
  }

  retire(): readonly TenantPool[] {
    return retire([...this.#blocks.values()]);
  }

  async close(): Promise<void> {
    await this.#userQuery?.query.close();
  }

  get #served() {
    return [...this.#blocks.values()].map(({ served }) => served);
  }

  #newBlock(parts: PooledBlocksParts, name: string): SharedBlock {
    const { group, config, files, watch, tracesOf, timers, logger } = parts;
    const traces = tracesOf?.(name);
    const credentials = {
      doubt: (user: string) => this.#users.doubt(user),
      of: (user: string) => credentialOf(user, this.#users, this.#gate),
    };
    return new SharedBlock(
      { group, name, credentials, keys: this.#keys, watch, traces, timers, logger },
      blockConfigOf(config.global, group, name),
      files.serverTls(name),
    );
  }

  /** The block there is, or another one of its name when its connections are for others. */
  #blockAsConfigured(
    known: SharedBlock | undefined,
    parts: PooledBlocksParts,
    name: string,
  ): SharedBlock {
    const config = blockConfigOf(parts.config.global, parts.group, name);
    if (known?.mayBecome(config) !== true) return this.#newBlock(parts, name);
    known.reconfigure(config, parts.files.serverTls(name));
    return known;
  }

  /** The users of a query that stays the same are known still. */
  #followUsers(parts: PooledBlocksParts): void {
    const before = this.#userQuery;
    if (before === undefined && parts.auth.query === undefined) return;
    if (before !== undefined && isDeepStrictEqual(before.of, askedOf(parts))) return;
    this.#userQuery = this.#newUserQuery(parts);
    this.#users = this.#newUsers(parts);
    void before?.query.close();
  }

  #newUserQuery(parts: PooledBlocksParts): AskedUsers | undefined {
    const of = askedOf(parts);
    if (of === undefined) return undefined;
    const { client, pool } = of;
    const { watch, timers, logger } = parts;
    const connect = serverConnector(
      {
        block: of.block,
        client,
        tls: this.#currentTls(of.block),
        keys: this.#keys,
        maxStatements: pool.preparedStatements,
        meter: watch?.block(of.block).serverMeter,
        timers,
        logger,
      },
      USER_QUERY_LIMIT_MS,
    );
    return { of, query: queryUsers({ config: of.query, connect, timers }) };
  }

  /** By the files as they are when it connects. */
  #currentTls(block: string): ServerTls | undefined {
    const tls = this.#files.serverTls(block);
    return tls && { ...tls, options: () => (this.#files.serverTls(block) ?? tls).options() };
  }

  #newUsers({ timers, logger }: PooledBlocksParts): UserDirectory {
    const table = (): UserTable => this.#files.users?.current ?? NOBODY;
    return userDirectory(table, this.#userQuery?.query, timers, logger);
  }

  #gateOptions({ auth, group, config }: PooledBlocksParts): LoginGateOptions {
    return {
      method: auth.method,
      rules: this.#rulesOf(serverOf(config.global, group)),
      users: this.#users,
      userMap: auth.userMap,
      secrets: this.#secrets,
      throttle: this.#throttle,
      caps: this.#caps,
      allowUnencryptedCleartext: auth.allowUnencryptedCleartext,
      channelBinding: () => channelBindingOf(this.#files.tls),
    };
  }

  /** Who may connect from where; undefined where everybody may. */
  #rulesOf({ auth }: ServerConfig): LoginGateOptions["rules"] {
    const { hbaRules } = this.#files;
    if (hbaRules !== undefined) return () => hbaRules.current;
    const rules = auth && loginRulesOf(auth)?.rules;
    return rules && (() => rules);
  }
}

/** A query for users, and all that it was made of. */
interface AskedUsers {
  readonly of: NonNullable<ReturnType<typeof askedOf>>;
  readonly query: UserQuery;
}

function askedOf({ auth, group, config: { global } }: PooledBlocksParts) {
  const { query } = auth;
  if (query === undefined) return undefined;
  const [firstBlock = ""] = Object.keys(global.clients[group] ?? {});
  const block = (query.block ?? firstBlock).toLowerCase(); // as names of blocks are read
  const { client, pool } = blockConfigOf(global, group, block);
  return { query, block, client, pool };
}

const NOBODY = new UserTable([]);

function blockNames({ group, config }: PooledBlocksParts): readonly string[] {
  return Object.keys(config.global.clients[group] ?? {});
}

function retire(blocks: readonly SharedBlock[]): readonly TenantPool[] {
  for (const { pool } of blocks) pool.retire();
  return blocks.map(({ tenantPool }) => tenantPool);
}

function routesOf({ routes }: ServerConfig): readonly Route[] | undefined {
  return routes?.map((route) => ({
    databases: route.database,
    users: route.user,
    blocks: route.blocks.map((name) => name.toLowerCase()), // as names of blocks are read
    as: route.as,
  }));
}

function capsOf(auth: GatewayAuth): ConstructorParameters<typeof ConnectionCaps>[0] {
  return {
    maxPerUser: auth.maxConnectionsPerUser,
    maxPerDatabase: auth.maxConnectionsPerDatabase,
  };
}

function credentialOf(user: string, users: UserDirectory, gate: LoginGate) {
  const secret = users.find(user)?.secret;
  const proof = gate.credentialOf(user);
  if (secret?.kind === "plain") return { kind: "password" as const, password: secret.password };
  // A password serves every method, a hash but one.
  const isHash = secret?.kind === "md5" && proof?.kind !== "password";
  return isHash ? { kind: "md5" as const, hash: secret.hash } : proof;
}
