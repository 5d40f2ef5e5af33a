/** How the clients of a group are logged in in the end. */
import type { AuthMethod } from "../auth/index.ts";
import { effectiveMode } from "./effective-mode.ts";
import type { GlobalConfig, ServerConfig } from "./schema/index.ts";

type AuthConfig = NonNullable<ServerConfig["auth"]>;

/** What the gateway has to see to when its clients log in. */
export type GatewayAuth = Omit<AuthConfig, "method"> & { readonly method: AuthMethod | "plugin" };

/**
 * How clients log in at the gateway; undefined where the database logs them in. Without a method a group
 * whose connections are logged in ahead leaves it to plugins to answer its clients, as GatewayD does.
 */
export function effectiveAuth(
  { auth = { method: "relay", allowUnencryptedCleartext: false } }: Pick<ServerConfig, "auth">,
  pools: GlobalConfig["pools"][string],
  clients: GlobalConfig["clients"][string],
): GatewayAuth | undefined {
  const { method } = auth;
  if (method !== "relay") return { ...auth, method };
  const isPooled = Object.entries(pools).some(([block, pool]) => {
    return effectiveMode(pool, clients[block]) !== "passthrough";
  });
  return isPooled ? { ...auth, method: "plugin" } : undefined;
}
