import type { ClientConfig, GlobalConfig, PoolConfig, ProxyConfig } from "../config/index.ts";
import { isDeepStrictEqual } from "node:util";

/** What the configuration says of one block. */
export interface BlockConfig {
  readonly client: ClientConfig;
  readonly pool: PoolConfig;
  readonly proxy: ProxyConfig;
}

export function blockConfigOf(global: GlobalConfig, group: string, block: string): BlockConfig {
  const client = global.clients[group]?.[block];
  const pool = global.pools[group]?.[block];
  const proxy = global.proxies[group]?.[block];
  if (client === undefined || pool === undefined || proxy === undefined) {
    throw new Error(`block ${group}.${block} is not complete`); // Checked at load.
  }
  return { client, pool, proxy };
}

/** What a connection is of, once it is there: the server, how it is encrypted, who is logged in. */
const OF_CONNECTIONS = [
  "network",
  "address",
  "tlsMode",
  "caFile",
  "certFile",
  "keyFile",
  "serverName",
  "startupParams",
] as const satisfies readonly (keyof ClientConfig)[];

/** Connections made by the one are as good as those made by the other. */
export function leadsToSame(before: ClientConfig, after: ClientConfig): boolean {
  return OF_CONNECTIONS.every((key) => isDeepStrictEqual(before[key], after[key]));
}
