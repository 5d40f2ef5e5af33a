/** Addresses as they stand in the configuration, taken apart. Pure. */
import { GatewayError } from "../errors.ts";

/** Where to listen, or what to dial. */
export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** A socket file, or a directory that holds one named `.s.PGSQL.<port>`. */
  | { readonly kind: "unix"; readonly path: string };

/** PostgreSQL's port, which names its socket file in a directory. */
export const POSTGRES_PORT = 5432;

/**
 * Reads `host:port`, `[v6]:port`, `:port` (every interface) or a path that begins with `/`, `./`,
 * `@` or `unix:`.
 * @throws GatewayError ERR_CONFIG_INVALID when it is none of them.
 */
export function parseAddress(text: string): Address {
  const path = text.startsWith("unix:") ? text.slice("unix:".length) : text;
  if (/^(?:\.{0,2}\/|@)/.test(path)) return { kind: "unix", path };
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) {
    throw new GatewayError(
      "ERR_CONFIG_INVALID",
      `"${text}" is not an address: expected host:port, [ipv6]:port or the path of a unix socket`,
    );
  }
  return { kind: "tcp", host: match[1] ?? match[2] ?? "", port };
}

/** The configuration's way to write it, e.g. for logs. */
export function formatAddress(address: Address): string {
  return address.kind === "unix" ? address.path : formatHostPort(address.host, address.port);
}

/** `127.0.0.1:5432`; IPv6 goes into brackets, IPv4 inside IPv6 is written as plain IPv4. */
export function formatHostPort(host: string, port: number): string {
  const plain = /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(host) ? host.slice("::ffff:".length) : host;
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}
