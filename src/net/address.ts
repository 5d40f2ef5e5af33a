/** Addresses of listeners and servers. Pure. */

/** Where to listen, or what to dial. */
export type Address =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** A socket file, or a directory that holds one named `.s.PGSQL.<port>`. */
  | { readonly kind: "unix"; readonly path: string };

/** PostgreSQL's port, which names its socket file in a directory. */
export const POSTGRES_PORT = 5432;

/** The configuration's way to write it, e.g. for logs. */
export function formatAddress(address: Address): string {
  return address.kind === "unix" ? address.path : formatHostPort(address.host, address.port);
}

/** `127.0.0.1:5432`; IPv6 goes into brackets, IPv4 inside IPv6 is written as plain IPv4. */
export function formatHostPort(host: string, port: number): string {
  const plain = /^::ffff:\d+\.\d+\.\d+\.\d+$/i.test(host) ? host.slice("::ffff:".length) : host;
  return plain.includes(":") ? `[${plain}]:${port}` : `${plain}:${port}`;
}
