/** What the StartupMessage of a client asks of a pooled session. */
import { GatewayError } from "../../errors.ts";
import { readStartupOptions, readStartupParameters } from "../../postgres/index.ts";
import type { WantedSettings } from "./greeting.ts";

export interface PooledStartup {
  readonly user: string;
  readonly database: string;
  /** Settings, in the order given; those of `options` first, as on the server. */
  readonly settings: WantedSettings;
  /** Protocol options that we do not know. */
  readonly unrecognizedOptions: readonly string[];
  /** Minor version of protocol 3 that is asked for. */
  readonly minorVersion: number;
}

const NOT_SETTINGS: ReadonlySet<string> = new Set(["user", "database", "options", "replication"]);
/** The minor version is the lower half of the code behind the length. */
const MINOR_VERSION_AT = 6;

/** @throws GatewayError ERR_PROTOCOL_VIOLATION, ERR_NOT_SHAREABLE for a replication connection */
export function readPooledStartup(message: Uint8Array): PooledStartup {
  const parameters = readStartupParameters(message);
  const user = parameters.get("user") ?? "";
  if (user === "") {
    throw new GatewayError("ERR_PROTOCOL_VIOLATION", "no user name in the StartupMessage");
  }
  const replication = parameters.get("replication") ?? "false";
  if (!/^(?:false|off|no|0)$/i.test(replication)) {
    throw new GatewayError("ERR_NOT_SHAREABLE", "replication through a pooled block");
  }
  if (parameters.has("session_authorization")) {
    throw new GatewayError("ERR_NOT_SHAREABLE", "session_authorization in a StartupMessage");
  }
  const others = [...parameters].filter(([name]) => !NOT_SETTINGS.has(name));
  const isOption = (name: string): boolean => name.startsWith("_pq_.");
  const named = others.filter(([name]) => !isOption(name));
  return {
    user,
    database: parameters.get("database") || user,
    settings: lastOfEach([...readStartupOptions(parameters.get("options") ?? ""), ...named]),
    unrecognizedOptions: others.map(([name]) => name).filter(isOption),
    minorVersion: ((message[MINOR_VERSION_AT] ?? 0) << 8) | (message[MINOR_VERSION_AT + 1] ?? 0),
  };
}

/** Something may be set twice: once by `options`, once by name. */
function lastOfEach(settings: WantedSettings): WantedSettings {
  return [...new Map(settings.map(([name, value]) => [name.toLowerCase(), value] as const))];
}
