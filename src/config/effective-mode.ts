/** How a block's server connections are used in the end. */
import type { ClientConfig, PoolConfig } from "./schema/index.ts";

/**
 * The mode of a block. Connections that are logged in ahead by `startupParams` cannot be handed to clients
 * for their own login: `passthrough`, also as the default, means `session` for them, as it did in GatewayD
 * (docs/decisions/0010).
 */
export function effectiveMode(
  { mode }: Pick<PoolConfig, "mode">,
  client: Pick<ClientConfig, "startupParams"> | undefined,
): PoolConfig["mode"] {
  return mode === "passthrough" && client?.startupParams !== undefined ? "session" : mode;
}
