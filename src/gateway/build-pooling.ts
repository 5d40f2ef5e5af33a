/** Builds what a group in pooled modes has: shared pools, and the gate that clients log in at. */
import { randomBytes } from "node:crypto";
import { LoginThrottle, ScramKeyCache, ScramSecrets } from "../auth/index.ts";
import type { LoginRule, UserDirectory, UserTable } from "../auth/index.ts";
import {
  ServerLoginError,
  ServerPlace,
  StatementCatalog,
  USER_QUERY_LIMIT_MS,
} from "../backend/index.ts";
import type { PooledBackend, ServerCredential, ServerTls, UserQuery } from "../backend/index.ts";
import type { Strategy } from "../balancer/index.ts";
import { effectiveMode } from "../config/index.ts";
import type { GatewayAuth, GlobalConfig, PoolConfig } from "../config/index.ts";
import type { Logger } from "../logging/index.ts";
import { NameAnswers } from "../net/index.ts";
import type { TimerWheel } from "../net/index.ts";
import { SharedPool } from "../pool/index.ts";
import type { Pair } from "../pool/index.ts";
import {
  AwakeClients,
  ConnectionCaps,
  Greetings,
  LoginGate,
  PinBudget,
  Pooling,
} from "../session/index.ts";
import type { ClientTls, PooledBlock, PooledMode, Route } from "../session/index.ts";
import type { ServerTraces } from "../tracing/recorder/index.ts";
import type { GroupWatch } from "../watch/index.ts";
import { buildMultiplexing } from "./build-multiplexing.ts";
import { channelBindingOf } from "./channel-binding-of.ts";
import { fixedLoginOf } from "./fixed-login.ts";
import { queryUsers, userDirectory } from "./query-users.ts";
import type { UserQueryConfig } from "./query-users.ts";
import { serverConnector, serverLogin } from "./server-connector.ts";
import { toAddress } from "./to-address.ts";
import type { ConnectorLogin, ServerConnectorParts } from "./server-connector.ts";

export interface PoolingParts {
  readonly group: string;
  readonly global: GlobalConfig;
  readonly auth: GatewayAuth;
  /** Read at each login. */
  readonly users: () => UserTable;
  /** Read at each login; undefined where everybody may connect. */
  readonly rules: (() => readonly LoginRule[]) | undefined;
  readonly tls: ClientTls;
  /** How connections to the server of a block are encrypted. */
  readonly serverTls: (block: string) => ServerTls | undefined;
  /** Undefined: every database is asked of every block. */
  readonly routes: readonly Route[] | undefined;
  readonly newStrategy: () => Strategy;
  /** Hears of the sessions; undefined: nobody does. */
  readonly watch: GroupWatch | undefined;
  /** Of the connections to the server of a block. */
  readonly tracesOf: TracesOfBlock | undefined;
  readonly timers: TimerWheel;
  readonly logger: Logger;
}

/** Undefined: nothing is traced. */
export type TracesOfBlock = (block: string) => ServerTraces | undefined;

/** Bytes that stand for unknown users, the same for the life of the process. */
const PROCESS_SECRET_BYTES = 32;
/** A client that waits this long is told so. */
const LONG_WAIT_MS = 5_000;

export function buildPooling(parts: PoolingParts): {
  readonly pooling: Pooling;
  readonly blocks: readonly PooledBlock[];
  /** Undefined where users are not asked for. */
  readonly userQuery: UserQuery | undefined;
} {
  const { group, global, auth, rules, tls, routes, newStrategy, timers, logger } = parts;
  const keys = new ScramKeyCache();
  const userQuery = auth.query && buildUserQuery(parts, auth.query, keys);
  const users = userDirectory(parts.users, userQuery, timers, logger);
  const gate = new LoginGate({
    method: auth.method,
    rules,
    users,
    userMap: auth.userMap,
    secrets: new ScramSecrets(randomBytes(PROCESS_SECRET_BYTES)),
    throttle: new LoginThrottle(),
    caps: new ConnectionCaps({
      maxPerUser: auth.maxConnectionsPerUser,
      maxPerDatabase: auth.maxConnectionsPerDatabase,
    }),
    allowUnencryptedCleartext: auth.allowUnencryptedCleartext,
    channelBinding: () => channelBindingOf(tls),
  });
  const credentials = credentialsFrom(users, gate);
  const blocks = Object.keys(global.clients[group] ?? {}).map((block) =>
    buildBlock(parts, block, credentials, keys),
  );
  return {
    pooling: new Pooling({ gate, blocks, routes, newStrategy }),
    blocks,
    userQuery,
  };
}

function buildUserQuery(
  parts: PoolingParts,
  config: UserQueryConfig,
  keys: ScramKeyCache,
): UserQuery {
  const [firstBlock = ""] = Object.keys(parts.global.clients[parts.group] ?? {});
  const connector = connectorParts(parts, (config.block ?? firstBlock).toLowerCase(), keys);
  const connect = serverConnector(connector, USER_QUERY_LIMIT_MS);
  return queryUsers({ config, connect, timers: parts.timers });
}

function connectorParts(
  { group, global, serverTls, watch, timers, logger }: PoolingParts,
  block: string,
  keys: ScramKeyCache,
): ServerConnectorParts {
  const client = global.clients[group]?.[block];
  const pool = global.pools[group]?.[block];
  if (client === undefined || pool === undefined) throw incomplete(group, block);
  const maxStatements = pool.preparedStatements;
  const meter = watch?.block(block).serverMeter;
  return { block, client, tls: serverTls(block), keys, maxStatements, meter, timers, logger };
}

/** Cannot be: checked at load. */
function incomplete(group: string, block: string): Error {
  return new Error(`block ${group}.${block} is not complete`);
}

function buildBlock(
  parts: PoolingParts,
  block: string,
  credentials: Credentials,
  keys: ScramKeyCache,
): PooledBlock {
  const { group, global, timers, logger } = parts;
  const client = global.clients[group]?.[block];
  const pool = global.pools[group]?.[block];
  const proxy = global.proxies[group]?.[block];
  if (client === undefined || pool === undefined || proxy === undefined) {
    throw incomplete(group, block);
  }
  const fixedLogin = fixedLoginOf(client);
  const answers = new NameAnswers({ name: block, clock: timers.clock, logger });
  const place = new ServerPlace(toAddress(client.network, client.address));
  const connector = { ...connectorParts(parts, block, keys), place, answers };
  const connect = serverConnector(connector);
  const logIn = serverLogin(connector);
  const traces = parts.tracesOf?.(block);
  const loginOf = ({ user, database }: Pick<Pair, "user" | "database">): ConnectorLogin =>
    fixedLogin ?? { user, database, parameters: [], credential: credentials.of(user) };
  return {
    pool: new SharedPool<PooledBackend>({
      group,
      name: block,
      size: pool.size,
      minSize: pool.minSize,
      queueTimeoutMs: pool.queueTimeout,
      maxWaiting: pool.maxWaiting,
      longWaitMs: LONG_WAIT_MS,
      idleTimeoutMs: pool.idleTimeout,
      maxLifetimeMs: pool.maxLifetime,
      pingAfterIdleMs: proxy.healthCheckPeriod,
      connect: async (pair, signal) => {
        try {
          const open = (): Promise<PooledBackend> => connect(loginOf(pair), signal);
          return await (traces?.opening(open) ?? open());
        } catch (thrown) {
          if (thrown instanceof ServerLoginError) credentials.doubt(pair.user);
          throw thrown;
        }
      },
      ping: async (backend) => {
        const ping = async (): Promise<void> => void (await backend.run(""));
        await (traces?.pinging(backend.connection, ping) ?? ping());
      },
      isStale: ({ address: dialledAt, mayBeStruck }) => mayBeStruck || answers.hasLeft(dialledAt),
      timers,
      random: Math.random,
      logger,
    }),
    login: fixedLogin,
    mode: pooledModeOf(effectiveMode(pool, client)),
    resetQuery: pool.resetQuery,
    greetings: new Greetings(timers.clock),
    statements: new StatementCatalog(),
    pinBudget: new PinBudget(pool.maxPinned ?? Math.max(1, pool.size - 1)),
    multiplexing: buildMultiplexing(block, pool, timers, logger, parts.watch),
    place,
    awake: new AwakeClients(timers),
    openReplication: (pair, { parameters, protocolVersion }, signal) => {
      const login = loginOf(pair);
      const all = [...login.parameters, ...parameters];
      return logIn({ ...login, parameters: all, protocolVersion }, signal);
    },
  };
}

/** A pooled group has pooled blocks only: checked at load. */
function pooledModeOf(mode: PoolConfig["mode"]): PooledMode {
  if (mode === "passthrough") throw new Error("a block in passthrough mode has no shared pool");
  return mode;
}

/** What we log in to servers with, where each user has connections of its own. */
interface Credentials {
  /** The stored password of a user, or what its client has proved itself with. */
  of(user: string): ServerCredential | undefined;
  /** The server did not take it: the user may have another password by now. */
  doubt(user: string): void;
}

function credentialsFrom(users: UserDirectory, gate: LoginGate): Credentials {
  return {
    doubt: (user) => users.doubt(user),
    of: (user) => {
      const secret = users.find(user)?.secret;
      const proof = gate.credentialOf(user);
      if (secret?.kind === "plain") return { kind: "password", password: secret.password };
      // A password serves every method, a hash but one.
      const isHash = secret?.kind === "md5" && proof?.kind !== "password";
      return isHash ? { kind: "md5", hash: secret.hash } : proof;
    },
  };
}
