import { GatewayError } from "../../errors.ts";
import type { Asking } from "./asker.ts";

const LOG_LEVEL = /^log_level(?:\.(.+))?$/;

/**
 * `SET log_level = debug`, or of one group `SET log_level.GROUP = debug`.
 * @throws GatewayError ERR_ADMIN_NOT_FOUND for any other setting, ERR_ADMIN_INVALID for a level that there is not
 */
export async function setLogLevel(asker: Asking, key: string, level: string): Promise<void> {
  const match = LOG_LEVEL.exec(key);
  if (match !== null) {
    await asker.ask("setLogLevel", { level: level.toLowerCase(), group: match[1] ?? "" });
    return;
  }
  throw new GatewayError(
    "ERR_ADMIN_NOT_FOUND",
    `"${key}" cannot be set here, but: log_level, log_level.GROUP; all else in gatewayd.yaml`,
  );
}
