/** From an address of the configuration to what can be listened on or dialled. */
import { isUnixAddress, splitHostPort } from "../config/index.ts";
import { GatewayError } from "../errors.ts";
import type { Address } from "../net/index.ts";

/** @throws GatewayError ERR_CONFIG_INVALID; not for addresses of a checked configuration */
export function toAddress(network: string, text: string): Address {
  if (isUnixAddress(network, text)) return { kind: "unix", path: text };
  const hostPort = splitHostPort(text);
  if (hostPort !== undefined) return { kind: "tcp", ...hostPort };
  throw new GatewayError(
    "ERR_CONFIG_INVALID",
    `"${text}" is not an address: expected host:port, [ipv6]:port or the path of a unix socket`,
  );
}
