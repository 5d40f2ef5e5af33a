/**
 * What each hook is told: the keys and types of values that GatewayD's plugins know.
 *
 * OnConfigLoaded gets the flattened configuration, OnNewLogger, OnNewProxy and OnNewServer the
 * subtrees `loggers`, `proxies` and `servers` of it; config/ builds those.
 */
import type { HookPayload } from "./hook-handler.ts";

/** Both ends of a socket, as `host:port` or path; `""` where there is none (yet). */
export interface SocketEnds {
  readonly local: string;
  readonly remote: string;
}

/** OnNewPool: a pool has opened its connections. */
export function newPoolPayload(name: string, size: number): HookPayload {
  return { name, size };
}

/** The settings of a block under the names of `clients.<group>.<block>`; times in milliseconds. */
export interface NewClientSettings {
  readonly network: string;
  readonly receiveChunkSize: number;
  readonly receiveDeadline: number;
  readonly receiveTimeout: number;
  readonly sendDeadline: number;
  readonly dialTimeout: number;
  readonly tcpKeepAlive: boolean;
  readonly tcpKeepAlivePeriod: number;
  readonly retries: number;
  readonly backoff: number;
  readonly backoffMultiplier: number;
  readonly disableBackoffCaps: boolean;
}

export interface NewClient {
  /** See {@link connectionId}. */
  readonly id: string;
  readonly group: string;
  /** Name of the block. */
  readonly name: string;
  /** The server, resolved: the same as the remote end of the socket. */
  readonly address: string;
  readonly ends: SocketEnds;
  readonly settings: NewClientSettings;
}

/**
 * OnNewClient: a backend was opened at boot. Unlike everywhere else its times are text (`1m0s`),
 * which `formatDuration` makes of milliseconds.
 */
export function newClientPayload(
  { id, group, name, address, ends, settings }: NewClient,
  formatDuration: (ms: number) => string,
): HookPayload {
  return {
    id,
    name,
    group,
    network: settings.network,
    address,
    receiveChunkSize: settings.receiveChunkSize,
    receiveDeadline: formatDuration(settings.receiveDeadline),
    receiveTimeout: formatDuration(settings.receiveTimeout),
    sendDeadline: formatDuration(settings.sendDeadline),
    dialTimeout: formatDuration(settings.dialTimeout),
    tcpKeepAlive: settings.tcpKeepAlive,
    tcpKeepAlivePeriod: formatDuration(settings.tcpKeepAlivePeriod),
    localAddress: ends.local,
    remoteAddress: ends.remote,
    retries: settings.retries,
    backoff: formatDuration(settings.backoff),
    backoffMultiplier: settings.backoffMultiplier,
    disableBackoffCaps: settings.disableBackoffCaps,
  };
}

/** The id of a server connection in OnNewClient; `sha256Hex` hashes the UTF-8 bytes of a text. */
export function connectionId(
  network: string,
  localAddress: string,
  sha256Hex: (text: string) => string,
): string {
  return sha256Hex(`${network}://${localAddress}1000`);
}

/** The names that plugins know signals by. */
const SIGNAL_NAMES: Readonly<Record<string, string>> = {
  SIGHUP: "hangup",
  SIGINT: "interrupt",
  SIGQUIT: "quit",
  SIGABRT: "aborted",
  SIGTERM: "terminated",
  SIGUSR1: "user defined signal 1",
};

/** OnSignal; `signal` is the operating system's name, such as `SIGTERM`. */
export function signalPayload(signal: string): HookPayload {
  return { signal: SIGNAL_NAMES[signal] ?? "unknown" };
}

/** OnRun: a server is about to listen on `address`. */
export function runPayload(address: string, error?: string): HookPayload {
  return error === undefined ? { address } : { address, error };
}

/** OnBooting: the server is still stopped. */
export function bootingPayload(): HookPayload {
  return { status: "1" };
}

/** OnBooted: the server is running. */
export function bootedPayload(): HookPayload {
  return { status: "0" };
}

/** OnOpening, OnOpened and OnTraffic. */
export function connectionPayload(client: SocketEnds): HookPayload {
  return { client };
}

/** OnClosing and OnClosed. `error` is empty whatever happened, as plugins know it. */
export function closingPayload(client: SocketEnds): HookPayload {
  return { client, error: "" };
}

export interface Traffic {
  readonly client: SocketEnds;
  /** Ends of the backend's socket. */
  readonly server: SocketEnds;
  /** On the way from the server: the request that is answered, or empty. */
  readonly request: Uint8Array;
  /** On the way from the server only. */
  readonly response?: Uint8Array;
  /** More of the same answer, which is there, follows in another call. */
  readonly partial?: boolean;
}

/** OnTrafficFromClient, OnTrafficToServer, OnTrafficFromServer and OnTrafficToClient. */
export function trafficPayload(traffic: Traffic): HookPayload {
  const { client, server, request, response, partial = false } = traffic;
  // One literal for each shape: this runs for every piece of traffic.
  if (partial) return { client, server, error: "", request, response, partial };
  if (response === undefined) return { client, server, error: "", request };
  return { client, server, error: "", request, response };
}

/** OnShutdown and OnTick: clients connected to the server. */
export function connectionCountPayload(connections: number): HookPayload {
  return { connections };
}
