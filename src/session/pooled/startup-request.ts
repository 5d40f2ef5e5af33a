/** What the StartupMessage of a client asks of a pooled session. */
import { GatewayError } from "../../errors.ts";
import { readStartupOptions, readStartupParameters } from "../../postgres/index.ts";

export type WantedSettings = readonly (readonly [name: string, value: string])[];

export interface PooledStartup {
  /** The message; of equal ones that are known, the same bytes. */
  readonly message: Uint8Array;
  readonly user: string;
  readonly database: string;
  /** Settings, in the order given; those of `options` first, as on the server. */
  readonly settings: WantedSettings;
  /** The same for equal settings, and only for those. */
  readonly settingsKey: string;
  /** Protocol options that we do not know. */
  readonly unrecognizedOptions: readonly string[];
  /** Minor version of protocol 3 that is asked for. */
  readonly minorVersion: number;
  /** Undefined: it is no replication connection. */
  readonly replication: ReplicationRequest | undefined;
}

export interface ReplicationRequest {
  /** As the client says it; what is no such value the server refuses. */
  readonly value: string;
  /** Of the whole server, without a database. */
  readonly isPhysical: boolean;
}

const NOT_SETTINGS: ReadonlySet<string> = new Set(["user", "database", "options", "replication"]);
/** The minor version is the lower half of the code behind the length. */
const MINOR_VERSION_AT = 6;

/** @throws GatewayError ERR_PROTOCOL_VIOLATION, ERR_NOT_SHAREABLE for another session user */
export function readPooledStartup(message: Uint8Array): PooledStartup {
  const parameters = readStartupParameters(message);
  const user = parameters.get("user") ?? "";
  if (user === "") {
    throw new GatewayError("ERR_PROTOCOL_VIOLATION", "no user name in the StartupMessage");
  }
  if (parameters.has("session_authorization")) {
    throw new GatewayError("ERR_NOT_SHAREABLE", "session_authorization in a StartupMessage");
  }
  const others = [...parameters].filter(([name]) => !NOT_SETTINGS.has(name));
  const isOption = (name: string): boolean => name.startsWith("_pq_.");
  const named = others.filter(([name]) => !isOption(name));
  const options = readStartupOptions(parameters.get("options") ?? "");
  const settings = lastOfEach([...options, ...named]);
  return {
    message,
    user,
    database: parameters.get("database") || user,
    settings,
    settingsKey: JSON.stringify(settings),
    unrecognizedOptions: others.map(([name]) => name).filter(isOption),
    minorVersion: ((message[MINOR_VERSION_AT] ?? 0) << 8) | (message[MINOR_VERSION_AT + 1] ?? 0),
    replication: replicationOf(parameters.get("replication")),
  };
}

/** What PostgreSQL takes for no: `false`, `no`, `off`, `0`, and how they begin. */
const NO = /^(?:f|fa|fal|fals|false|n|no|of|off|0)$/i;

function replicationOf(value: string | undefined): ReplicationRequest | undefined {
  if (value === undefined || NO.test(value)) return undefined;
  return { value, isPhysical: value !== "database" };
}

/** Something may be set twice: once by `options`, once by name. */
function lastOfEach(settings: WantedSettings): WantedSettings {
  return [...new Map(settings.map(([name, value]) => [name.toLowerCase(), value] as const))];
}
