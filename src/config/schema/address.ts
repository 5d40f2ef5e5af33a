/** Network addresses as the configuration files write them. */

/** Whether an address names a Unix socket: the network says so, or it is an absolute path. */
export function isUnixAddress(network: string, address: string): boolean {
  return network === "unix" || address.startsWith("/");
}

/** The host and port of `host:port`, `[ipv6]:port` or `:port` (all interfaces). */
export function splitHostPort(address: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? "", port };
}

/** What is wrong with an address on a network, or undefined. */
export function addressProblem(network: string, address: string): string | undefined {
  if (address === "") return "must not be empty";
  if (isUnixAddress(network, address) || splitHostPort(address) !== undefined) return undefined;
  return `must be host:port, [ipv6]:port or the path of a Unix socket, not "${address}"`;
}
