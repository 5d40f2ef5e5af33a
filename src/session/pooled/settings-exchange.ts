/** What gateway and server tell each other about the settings of a session, between its units. */
import type { PooledBackend } from "../../backend/index.ts";
import { restoreStatements } from "../../postgres/index.ts";
import type { Notice, Settings } from "../../postgres/index.ts";
import type { SettingsWatch } from "./settings-watch.ts";

/**
 * Brings the backend to a session's settings, all of them or none.
 * @returns the server's reason against it; undefined when they are in force
 * @throws GatewayError when the connection is lost with it
 */
export async function restoreSettings(
  backend: PooledBackend,
  settings: Settings,
): Promise<Notice | undefined> {
  const { error } = await backend.run(restoreStatements(backend.settings, settings) ?? "");
  if (error === undefined) backend.settings = settings;
  return error;
}

/**
 * Asks the backend what is set on it now: rolled back, canonical and indirect settings are seen so.
 * @returns the server's reason against it; undefined when `backend.settings` tells
 * @throws GatewayError when the connection is lost with it
 */
export async function readSettings(
  backend: PooledBackend,
  watch: SettingsWatch,
): Promise<Notice | undefined> {
  // A client that does not read may have left it paused.
  backend.connection.resume();
  const { rows, error } = await backend.run(watch.query);
  if (error === undefined) backend.settings = watch.settle(rows);
  return error;
}
