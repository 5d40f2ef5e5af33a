/** The environment a plugin process is started with. */
import { APP_PROTOCOL } from "./handshake.ts";

/** What a go-plugin server compares before it serves: not a secret, but a sign that it was started by us. */
export const COOKIE_KEY = "GATEWAYD_PLUGIN";
export const COOKIE_VALUE = "5712b87aa5d7e9f9e9ab643e6603181c5b796015cb1c09d6f5ada882bf2a1872";

/** Plugins that listen on TCP choose a port among these. */
const MIN_PORT = "50000";
const MAX_PORT = "60000";

export interface EnvironmentSources {
  /** The gateway's own variables. */
  readonly host: Readonly<Record<string, string | undefined>>;
  /** Which of them go down: names, or globs with `*` and `?`. */
  readonly passEnv: readonly string[];
  /** `NAME=value`, from the plugin's entry. */
  readonly env: readonly string[];
  /** What the plugin is to verify our connections by (PEM). */
  readonly clientCertificate: string;
}

/**
 * From weakest to strongest: the variables of the host that are passed on, what plugins made with GatewayD's SDK
 * expect in their entry, the entry itself, and the terms of the handshake.
 */
export function pluginEnvironment(sources: EnvironmentSources): Record<string, string> {
  const { host, passEnv, env, clientCertificate } = sources;
  const patterns = passEnv.map(toExpression);
  const passed = Object.entries(host).flatMap(([name, value]) =>
    value !== undefined && patterns.some((pattern) => pattern.test(name))
      ? [[name, value] as const]
      : [],
  );
  return {
    ...Object.fromEntries(passed),
    MAGIC_COOKIE_KEY: COOKIE_KEY,
    MAGIC_COOKIE_VALUE: COOKIE_VALUE,
    ...Object.fromEntries(env.map(splitEntry)),
    [COOKIE_KEY]: COOKIE_VALUE,
    PLUGIN_MIN_PORT: MIN_PORT,
    PLUGIN_MAX_PORT: MAX_PORT,
    PLUGIN_PROTOCOL_VERSIONS: APP_PROTOCOL,
    PLUGIN_CLIENT_CERT: clientCertificate,
  };
}

/** Not Bun.Glob: it knows paths, and more wildcards than are meant here. */
function toExpression(pattern: string): RegExp {
  const parts = pattern.split(/([*?])/).map((part) => {
    if (part === "*") return ".*";
    return part === "?" ? "." : RegExp.escape(part);
  });
  return new RegExp(`^${parts.join("")}$`, "s");
}

function splitEntry(entry: string): readonly [name: string, value: string] {
  const at = entry.indexOf("=");
  return [entry.slice(0, at), entry.slice(at + 1)];
}
