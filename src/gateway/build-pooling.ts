/** Builds what a group in pooled modes has: shared pools, and the gate that clients log in at. */
import { randomBytes } from "node:crypto";
import { LoginThrottle, ScramKeyCache, ScramSecrets, tlsServerEndPoint } from "../auth/index.ts";
import type { AuthMethod, LoginRule, UserTable } from "../auth/index.ts";
import { PooledBackend, StatementCatalog, loginToServer, openServer } from "../backend/index.ts";
import type { ServerCredential, ServerTls } from "../backend/index.ts";
import type { Strategy } from "../balancer/index.ts";
import { effectiveMode } from "../config/index.ts";
import type { GlobalConfig, PoolConfig, ServerConfig } from "../config/index.ts";
import type { Logger } from "../logging/index.ts";
import { NameAnswers } from "../net/index.ts";
import type { TimerWheel } from "../net/index.ts";
import { SharedPool } from "../pool/index.ts";
import type { Pair } from "../pool/index.ts";
import { ConnectionCaps, Greetings, LoginGate, Pooling } from "../session/index.ts";
import type { ClientTls, PooledBlock, PooledMode, Route } from "../session/index.ts";
import { buildMultiplexing } from "./build-multiplexing.ts";
import { fixedLoginOf } from "./fixed-login.ts";
import { toAddress } from "./to-address.ts";

/** How clients log in at the gateway. */
export type PooledAuth = NonNullable<ServerConfig["auth"]> & { readonly method: AuthMethod };

export interface PoolingParts {
  readonly group: string;
  readonly global: GlobalConfig;
  readonly auth: PooledAuth;
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
  readonly timers: TimerWheel;
  readonly logger: Logger;
}

/** Bytes that stand for unknown users, the same for the life of the process. */
const PROCESS_SECRET_BYTES = 32;
/** A client that waits this long is told so. */
const LONG_WAIT_MS = 5_000;

export function buildPooling(parts: PoolingParts): {
  readonly pooling: Pooling;
  readonly pools: readonly SharedPool<PooledBackend>[];
} {
  const { group, global, auth, users, rules, tls, routes, newStrategy } = parts;
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
  const keys = new ScramKeyCache();
  const blocks = Object.keys(global.clients[group] ?? {}).map((block) =>
    buildBlock(parts, block, gate, keys),
  );
  return {
    pooling: new Pooling({ gate, blocks, routes, newStrategy }),
    pools: blocks.map(({ pool }) => pool),
  };
}

function buildBlock(
  { group, global, users, serverTls, timers, logger }: PoolingParts,
  block: string,
  gate: LoginGate,
  keys: ScramKeyCache,
): PooledBlock {
  const client = global.clients[group]?.[block];
  const pool = global.pools[group]?.[block];
  const proxy = global.proxies[group]?.[block];
  if (client === undefined || pool === undefined || proxy === undefined) {
    throw new Error(`block ${group}.${block} is not complete`); // Checked at load.
  }
  const fixedLogin = fixedLoginOf(client);
  const address = toAddress(client.network, client.address);
  const answers = new NameAnswers({ name: block, clock: timers.clock, logger });
  const connect = async (pair: Pair, signal: AbortSignal): Promise<PooledBackend> => {
    const login = fixedLogin ?? {
      ...pair,
      parameters: [],
      credential: credentialOf(pair.user, users(), gate),
    };
    const opened = await openServer({
      address,
      tls: serverTls(block),
      signal,
      timeoutMs: client.dialTimeout,
      keepAliveMs: client.tcpKeepAlive ? client.tcpKeepAlivePeriod : 0,
      timers,
      answers,
    });
    const loggedIn = await loginToServer(opened.connection, {
      block,
      timeoutMs: client.dialTimeout,
      timers,
      signal,
      user: login.user,
      database: login.database,
      parameters: login.parameters,
      encryption: opened.encryption?.server,
      // Nobody reads along inside one machine.
      isCleartextAllowed: address.kind === "unix",
      deriveKeys: keys.keysOf,
      ...(login.credential !== undefined && { credential: login.credential }),
    });
    const { method } = loggedIn;
    logger.debug("Logged in to the server", { name: block, user: login.user, method });
    const maxStatements = pool.preparedStatements;
    return new PooledBackend({ opened, login: loggedIn, block, timers, maxStatements });
  };
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
      connect,
      ping: async (backend) => {
        await backend.run("");
      },
      isStale: ({ address: dialledAt }) => answers.hasLeft(dialledAt),
      timers,
      random: Math.random,
      logger,
    }),
    login: fixedLogin,
    mode: pooledModeOf(effectiveMode(pool, client)),
    resetQuery: pool.resetQuery,
    greetings: new Greetings(timers.clock),
    statements: new StatementCatalog(),
    multiplexing: buildMultiplexing(block, pool, timers, logger),
  };
}

/** A pooled group has pooled blocks only: checked at load. */
function pooledModeOf(mode: PoolConfig["mode"]): PooledMode {
  if (mode === "passthrough") throw new Error("a block in passthrough mode has no shared pool");
  return mode;
}

/** What we log in with as a user: its stored password, or what its client has proved itself with. */
function credentialOf(
  user: string,
  users: UserTable,
  gate: LoginGate,
): ServerCredential | undefined {
  const secret = users.lookup(user).user?.secret;
  switch (secret?.kind) {
    case "plain":
      return { kind: "password", password: secret.password };
    case "md5":
      return { kind: "md5", hash: secret.hash };
    default:
      return gate.credentialOf(user);
  }
}

function channelBindingOf({ mode, current }: ClientTls): Uint8Array | undefined {
  if (mode === "disable") return undefined;
  const [, base64 = ""] = /-----BEGIN CERTIFICATE-----([^-]+)-----END/.exec(current().cert) ?? [];
  return base64 === "" ? undefined : tlsServerEndPoint(Buffer.from(base64, "base64"));
}
