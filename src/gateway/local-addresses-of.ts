import type { Connection } from "../net/index.ts";

/** Our ends of connections to servers. */
export function localAddressesOf(
  backends: readonly { readonly connection: Connection }[],
): readonly string[] {
  return backends.map(({ connection }) => connection.localAddress);
}
