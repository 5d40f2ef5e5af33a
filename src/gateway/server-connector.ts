/** The way to the server of a block, up to where statements can be sent. */
import type { ScramKeyCache } from "../auth/index.ts";
import { loginToServer, openServer, PooledBackend } from "../backend/index.ts";
import type { LoggedInServer, ServerCredential, ServerPlace, ServerTls } from "../backend/index.ts";
import type { ClientConfig } from "../config/index.ts";
import type { Logger } from "../logging/index.ts";
import type { NameAnswers, TimerWheel } from "../net/index.ts";
import type { ByteMeter } from "../watch/index.ts";
import { toAddress } from "./to-address.ts";

export interface ServerConnectorParts {
  readonly block: string;
  readonly client: ClientConfig;
  readonly tls: ServerTls | undefined;
  /** Keys derived from passwords, shared by the blocks. */
  readonly keys: ScramKeyCache;
  /** Shared statements that are kept on a connection. */
  readonly maxStatements: number;
  /** Is told where connections lead to. */
  readonly place?: ServerPlace;
  /** Remembers what the server's name stands for. */
  readonly answers?: NameAnswers;
  /** Counts what connections read and write; undefined: nobody does. */
  readonly meter?: ByteMeter | undefined;
  readonly timers: TimerWheel;
  readonly logger: Logger;
}

/** Who logs in to the server. */
export interface ConnectorLogin {
  readonly user: string;
  readonly database: string;
  /** Settings of the session, to which a reset goes back. */
  readonly parameters: readonly (readonly [name: string, value: string])[];
  /** Undefined: the server asks for none. */
  readonly credential: ServerCredential | undefined;
  /** Of 3.0 unless said otherwise; a server that knows no newer one says so. */
  readonly protocolVersion?: number;
}

/** Rejects as {@link openServer} and {@link loginToServer} do; nothing is open then. */
export type ConnectToServer = (
  login: ConnectorLogin,
  signal: AbortSignal,
) => Promise<PooledBackend>;

/** @param limitMs for each step, where `dialTimeout` is longer or has no limit */
export function serverConnector(parts: ServerConnectorParts, limitMs?: number): ConnectToServer {
  const { block, timers, maxStatements } = parts;
  const logIn = serverLogin(parts, limitMs);
  return async (login, signal) => {
    const server = await logIn(login, signal);
    return new PooledBackend({ ...server, block, timers, maxStatements });
  };
}

/** The same, for who does something else with the connection. */
export function serverLogin(
  { block, client, tls, keys, place, answers, meter, timers, logger }: ServerConnectorParts,
  limitMs: number = Infinity,
): (login: ConnectorLogin, signal: AbortSignal) => Promise<LoggedInServer> {
  const address = toAddress(client.network, client.address);
  const dialTimeoutMs = client.dialTimeout === 0 ? Infinity : client.dialTimeout;
  const stepMs = Math.min(dialTimeoutMs, limitMs);
  const timeoutMs = stepMs === Infinity ? 0 : stepMs;
  return async ({ user, database, parameters, credential, protocolVersion }, signal) => {
    const opened = await openServer({
      address,
      tls,
      signal,
      timeoutMs,
      keepAliveMs: client.tcpKeepAlive ? client.tcpKeepAlivePeriod : 0,
      timers,
      ...(answers !== undefined && { answers }),
    });
    opened.connection.meter = meter;
    place?.met(opened.connection.remoteAddress);
    const login = await loginToServer(opened.connection, {
      block,
      timeoutMs,
      timers,
      signal,
      user,
      database,
      parameters,
      encryption: opened.encryption?.server,
      // Nobody reads along inside one machine.
      isCleartextAllowed: address.kind === "unix",
      deriveKeys: keys.keysOf,
      ...(credential !== undefined && { credential }),
      ...(protocolVersion !== undefined && { protocolVersion }),
    });
    logger.debug("Logged in to the server", { name: block, user, method: login.method });
    return { opened, login };
  };
}
