/** `servers.default` from `[pgbouncer]`: where clients connect, how they log in, what they may do. */
import type { Settings } from "./settings.ts";

/** Part of a configuration, in the notation of gatewayd.yaml. */
export type ConfigPart = Readonly<Record<string, unknown>>;

/** What PgBouncer's `auth_type` is called here. */
const METHODS: ReadonlyMap<string, string> = new Map([
  ["trust", "trust"],
  ["any", "trust"],
  ["plain", "cleartext"],
  ["md5", "md5"],
  ["scram-sha-256", "scram-sha-256"],
  ["cert", "cert"],
  ["hba", "scram-sha-256"],
]);

/** As long as a message can be for PgBouncer, and for nobody else. */
const MAX_PACKET_BYTES = 2_147_483_647;

/**
 * @param pathOf makes a path of the file one that holds everywhere
 * @param query `auth.query`, if there is one
 */
export function importServer(
  settings: Settings,
  pathOf: (path: string) => string,
  query: ConfigPart | undefined,
): ConfigPart {
  const maxMessageBytes = settings.number("max_packet_size") ?? MAX_PACKET_BYTES;
  const sockets = socketsOf(settings);
  const socketMode = settings.text("unix_socket_mode") ?? "0777";
  return {
    address: [...addressesOf(settings), ...sockets],
    ...(sockets.length > 0 && { socketMode }),
    maxConnections: settings.number("max_client_conn") ?? 100,
    startupTimeout: settings.duration("client_login_timeout") ?? "60s",
    ...given("idleTimeout", settings.duration("client_idle_timeout")),
    ...given("idleInTransactionTimeout", settings.duration("idle_transaction_timeout")),
    ...given("queryTimeout", settings.duration("query_timeout")),
    ...given("reusePort", settings.isOn("so_reuseport")),
    ...(maxMessageBytes < MAX_PACKET_BYTES && { maxMessageBytes }),
    ...tlsOf(settings, pathOf),
    auth: authOf(settings, pathOf, query),
  };
}

/** A key with its value, or nothing. */
export function given(key: string, value: unknown): ConfigPart {
  return value === undefined ? {} : { [key]: value };
}

function portOf(settings: Settings): number {
  return settings.number("listen_port") ?? 6432;
}

function addressesOf(settings: Settings): readonly string[] {
  const port = portOf(settings);
  const hosts = (settings.text("listen_addr") ?? "").split(",").map((host) => host.trim());
  return hosts
    .filter((host) => host !== "")
    .map((host) => {
      if (host === "*") return `:${port}`;
      return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
    });
}

/** By default there is one, also where TCP is listened on. */
function socketsOf(settings: Settings): readonly string[] {
  const directories = (settings.given("unix_socket_dir") ?? "/tmp").split(",");
  return directories.flatMap((written) => {
    const directory = written.trim();
    if (directory === "") return [];
    if (directory.startsWith("/")) return [`${directory}/.s.PGSQL.${portOf(settings)}`];
    settings.note("unix_socket_dir", "is not carried over: only paths of files can be listened on");
    return [];
  });
}

function tlsOf(settings: Settings, pathOf: (path: string) => string): ConfigPart {
  const mode = settings.text("client_tls_sslmode") ?? "disable";
  const [cert, key, ca] = ["cert", "key", "ca"].map((name) =>
    settings.text(`client_tls_${name}_file`),
  );
  const protocols = (settings.text("client_tls_protocols") ?? "secure").toLowerCase();
  if (mode === "disable") return {};
  if (/all|legacy|tlsv1\.[01]/.test(protocols)) {
    settings.note("client_tls_protocols", "versions before TLS 1.2 are not spoken");
  }
  const verifies = mode.startsWith("verify-");
  return {
    enableTLS: true,
    tlsMode: mode === "prefer" ? "allow" : mode,
    ...given("certFile", cert === undefined ? undefined : pathOf(cert)),
    ...given("keyFile", key === undefined ? undefined : pathOf(key)),
    ...given("clientCAFile", ca === undefined || !verifies ? undefined : pathOf(ca)),
    ...(protocols === "tlsv1.3" && { minTLSVersion: "1.3" }),
  };
}

function authOf(
  settings: Settings,
  pathOf: (path: string) => string,
  query: ConfigPart | undefined,
): ConfigPart {
  const type = settings.text("auth_type") ?? "md5";
  const usersFile = settings.text("auth_file");
  const hbaFile = settings.text("auth_hba_file");
  const users = {
    ...given("usersFile", usersFile === undefined ? undefined : pathOf(usersFile)),
    ...given("query", query),
  };
  const limits = {
    ...given("maxConnectionsPerUser", limitOf(settings, "max_user_client_connections")),
    ...given("maxConnectionsPerDatabase", limitOf(settings, "max_db_client_connections")),
  };
  const method = METHODS.get(type);
  if (method === undefined) {
    const message = `${type} is not supported, and so nobody may log in; nearest: servers.default.auth.method`;
    settings.note("auth_type", message);
    return NOBODY;
  }
  const hasUsers = usersFile !== undefined || query !== undefined;
  if (type === "hba") {
    if (hbaFile === undefined) {
      settings.note("auth_type", "hba needs an auth_hba_file, and so nobody may log in");
      return NOBODY;
    }
    return {
      // Each line of the file names its own.
      method: hasUsers ? method : "trust",
      ...users,
      hbaFile: pathOf(hbaFile),
      ...limits,
    };
  }
  if (!hasUsers && method !== "trust" && method !== "cert") {
    settings.note("auth_type", `${type} needs an auth_file, and so nobody may log in`);
    return NOBODY;
  }
  if (type === "any") {
    const message = "is trust here: clients log in to the database by their own names";
    settings.note("auth_type", `any ${message}; nearest: clients.default.<block>.startupParams`);
  }
  if (hbaFile !== undefined) {
    settings.note("auth_hba_file", "has no effect without auth_type = hba, and is left out");
  }
  return {
    method,
    ...(method === "cleartext" && { allowUnencryptedCleartext: true }),
    ...users,
    ...limits,
  };
}

/** A door that stays shut until somebody has looked at it. */
const NOBODY: ConfigPart = { method: "trust", rules: [{ method: "reject" }] };

/** 0 means that there is none. */
function limitOf(settings: Settings, name: string): number | undefined {
  const limit = settings.number(name);
  return limit === 0 ? undefined : limit;
}
