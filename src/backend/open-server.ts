/** The way to a server, up to where a StartupMessage may be sent: dialled, and encrypted if wanted. */
import { dial } from "../net/index.ts";
import type { Dialled, DialOptions, TlsServer } from "../net/index.ts";
import { negotiateTls } from "./negotiate-tls.ts";
import type { NegotiateTlsOptions, ServerTlsMode } from "./negotiate-tls.ts";

/** How connections to a server are encrypted. */
export interface ServerTls {
  /** The block the server is of, for messages. */
  readonly block: string;
  readonly mode: ServerTlsMode;
  /** Read at each handshake, so that renewed certificates need no restart. */
  readonly options: () => NegotiateTlsOptions["tls"];
}

/** That a connection is encrypted, and by what. */
export interface ServerEncryption {
  readonly server: TlsServer;
  /** What the next connection to the same server is encrypted by. */
  readonly tls: ServerTls;
}

export interface OpenServerOptions extends DialOptions {
  /** Default: nothing is encrypted. Over a unix socket nothing ever is: servers do not offer it there. */
  readonly tls?: ServerTls | undefined;
  /** Gives the handshake up. */
  readonly signal?: AbortSignal;
}

export interface OpenedServer extends Dialled {
  /** Undefined if the connection is not encrypted. */
  readonly encryption?: ServerEncryption | undefined;
}

/**
 * Opens a connection. `timeoutMs` holds for each address, and once more for TLS.
 * @throws GatewayError ERR_SERVER_UNREACHABLE, or what {@link negotiateTls} throws. Nothing is open then.
 */
export async function openServer(options: OpenServerOptions): Promise<OpenedServer> {
  const { tls, timeoutMs, timers, signal } = options;
  const dialled = await dial(options);
  if (tls === undefined || tls.mode === "disable" || dialled.address.kind === "unix") {
    return dialled;
  }
  const server = await negotiateTls(dialled.connection, {
    block: tls.block,
    timeoutMs,
    timers,
    ...(signal !== undefined && { signal }),
    tlsMode: tls.mode,
    tls: tls.options(),
  });
  return { ...dialled, encryption: server && { server, tls } };
}
