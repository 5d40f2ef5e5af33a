/** The host of an address `host:port` or `[ipv6]:port`; undefined over a unix socket. */
export function hostOf(remoteAddress: string): string | undefined {
  const end = remoteAddress.lastIndexOf(":");
  if (end < 0) return undefined;
  return remoteAddress.slice(0, end).replace(/^\[(.*)\]$/, "$1");
}
