/** Certificates of listeners and for servers: read at start, and again when the files change. */
import type { ServerTls } from "../backend/index.ts";
import { readCertificates, readKeyPair } from "../config/index.ts";
import type { ClientConfig, ServerConfig } from "../config/index.ts";
import type { Logger } from "../logging/index.ts";
import type { ServerTlsOptions } from "../net/index.ts";
import { toAddress } from "./to-address.ts";
import { WatchedFiles } from "./watched-files.ts";
import type { Watched } from "./watched-files.ts";

/**
 * What a listener shows to its clients; undefined if it does not encrypt.
 * @throws GatewayError ERR_CONFIG_INVALID naming the file that cannot be used, and why
 */
export function listenerCertificates(
  server: ServerConfig,
  logger: Logger,
): WatchedFiles<ServerTlsOptions> | undefined {
  const { tlsMode, certFile, keyFile, clientCAFile, minTLSVersion: minVersion } = server;
  if (tlsMode === "disable") return undefined;
  const caFile = tlsMode.startsWith("verify-") ? clientCAFile : undefined;
  return new WatchedFiles({
    what: "TLS certificates",
    files: present(certFile, keyFile, caFile),
    read: () => ({
      ...readKeyPair(certFile, keyFile),
      minVersion,
      ...(caFile !== undefined && { clientCa: readCertificates(caFile) }),
    }),
    describe: () => ({ certFile }),
    logger,
  });
}

/** How connections to a block's server are encrypted, and the files it takes. */
export interface BlockTls {
  readonly tls: ServerTls;
  /** Undefined if it takes none. */
  readonly certificates: Watched | undefined;
}

/** @throws GatewayError ERR_CONFIG_INVALID naming the file that cannot be used, and why */
export function blockTls(block: string, client: ClientConfig, logger: Logger): BlockTls {
  const { tlsMode: mode, caFile, certFile, keyFile, serverName = hostOf(client) } = client;
  const files = mode === "disable" ? [] : present(caFile, certFile, keyFile);
  if (files.length === 0) {
    return { tls: { block, mode, options: () => ({ serverName }) }, certificates: undefined };
  }
  const certificates = new WatchedFiles({
    what: "TLS certificates for a server",
    files,
    read: () => ({
      serverName,
      ...(caFile !== undefined && { ca: readCertificates(caFile) }),
      ...(certFile !== undefined && keyFile !== undefined && readKeyPair(certFile, keyFile)),
    }),
    describe: () => ({ name: block }),
    logger,
  });
  return { tls: { block, mode, options: () => certificates.current }, certificates };
}

/** As it is configured: what the name stands for is looked up at each dial. */
function hostOf({ network, address }: ClientConfig): string {
  const target = toAddress(network, address);
  return target.kind === "tcp" && target.host !== "" ? target.host : "localhost";
}

function present(...files: readonly (string | undefined)[]): string[] {
  return files.filter((file) => file !== undefined);
}
