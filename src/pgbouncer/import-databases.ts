/** `clients`, `pools` and `servers.default.routes` from `[databases]`: one block for each host of an entry. */
import { readConnectionString } from "./connection-string.ts";
import { type ConfigPart, given } from "./import-server.ts";
import type { IniEntry } from "./ini-file.ts";
import { placeOf, Settings } from "./settings.ts";
import { UNMAPPED_DATABASE_KEYS } from "./unmapped-settings.ts";

/** What there is in place of `[databases]`. */
export interface ImportedDatabases {
  /** By block. */
  readonly clients: ConfigPart;
  /** By block. */
  readonly pools: ConfigPart;
  readonly routes: readonly ConfigPart[];
  /** The first block, and the database that it is asked for, if it is one. */
  readonly first: { readonly block: string; readonly database: string | undefined } | undefined;
}

/** What holds for all databases. */
export interface DatabaseDefaults {
  readonly settings: Settings;
  readonly pathOf: (path: string) => string;
  /** The password of a user in clear text, where the users file has it so. */
  readonly passwordOf: (user: string) => string | undefined;
}

/** A database that clients ask for, and what it is called where it is. */
interface Database {
  /** `*`: any. */
  readonly name: string;
  readonly hosts: readonly string[];
  readonly port: string;
  readonly dbname: string | undefined;
  readonly settings: Settings;
}

/** Where servers listen if no host is given: the usual place on Debian, as its PgBouncer has it. */
const SOCKET_DIRECTORY = "/var/run/postgresql";

/** Of a pool that has no limit; ours have one. */
const UNLIMITED_SIZE = 100;

export function importDatabases(
  entries: readonly IniEntry[],
  defaults: DatabaseDefaults,
): ImportedDatabases {
  const databases = entries.flatMap((entry) => databaseOf(entry, defaults) ?? []);
  // The fallback is for those that no other entry is for, wherever it stands.
  databases.sort((a, b) => Number(a.name === "*") - Number(b.name === "*"));
  const clients: Record<string, ConfigPart> = {};
  const pools: Record<string, ConfigPart> = {};
  const routes: ConfigPart[] = [];
  for (const database of databases) {
    const blocks = database.hosts.map((host, index) => {
      const block = blockName(database, index, Object.keys(clients));
      clients[block] = clientOf(database, host, defaults);
      pools[block] = poolOf(database, defaults);
      return block;
    });
    const { name, dbname, settings } = database;
    routes.push({ database: name, blocks, ...(dbname !== name && given("as", dbname)) });
    settings.noteUnused(UNMAPPED_DATABASE_KEYS);
  }
  const [block] = Object.keys(clients);
  const [first] = databases;
  return {
    clients,
    pools,
    routes: isPlainFallback(databases) ? [] : routes,
    first: block === undefined ? undefined : { block, database: first?.dbname },
  };
}

/** Every database under its own name in one place: that needs no route. */
function isPlainFallback([first, ...others]: readonly Database[]): boolean {
  return first?.name === "*" && first.dbname === undefined && others.length === 0;
}

function databaseOf(entry: IniEntry, { settings }: DatabaseDefaults): Database | undefined {
  const values = readConnectionString(entry.value);
  if (values === undefined) {
    const message = `${entry.key}: the database is left out: its value cannot be read`;
    settings.notes.push({ ...placeOf(entry), message });
    return undefined;
  }
  const own = [...values].map(([key, value]) => ({ ...entry, key, value }));
  const ownSettings = new Settings(own, settings.notes);
  const hosts = (ownSettings.text("host") ?? SOCKET_DIRECTORY).split(",");
  const { key: name } = entry;
  return {
    name,
    hosts: hosts.map((host) => host.trim()).filter((host) => host !== ""),
    port: ownSettings.text("port") ?? "5432",
    dbname: ownSettings.text("dbname") ?? (name === "*" ? undefined : name),
    settings: ownSettings,
  };
}

/** A name of letters and digits that no other block has. */
function blockName({ name, hosts }: Database, index: number, taken: readonly string[]): string {
  const word = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9_]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  const base = name === "*" ? "others" : word === "" ? "database" : word;
  const wanted = hosts.length === 1 ? base : `${base}-${index + 1}`;
  for (let count = 2, free = wanted; ; free = `${wanted}-${count++}`) {
    if (!taken.includes(free)) return free;
  }
}

function clientOf(database: Database, host: string, defaults: DatabaseDefaults): ConfigPart {
  const { settings } = defaults;
  const isSocket = host.startsWith("/");
  const isKeptAlive = settings.isOn("tcp_keepalive") ?? true;
  const idle = settings.number("tcp_keepidle") ?? 0;
  return {
    address: isSocket
      ? `${host}/.s.PGSQL.${database.port}`
      : `${host.includes(":") ? `[${host}]` : host}:${database.port}`,
    dialTimeout: settings.duration("server_connect_timeout") ?? "15s",
    ...(!isSocket && isKeptAlive && { tcpKeepAlive: true }),
    ...(!isSocket && isKeptAlive && idle > 0 && { tcpKeepAlivePeriod: `${idle}s` }),
    ...tlsOf(defaults, isSocket),
    ...given("startupParams", loginOf(database, defaults)),
  };
}

function tlsOf({ settings, pathOf }: DatabaseDefaults, isSocket: boolean): ConfigPart {
  const mode = settings.text("server_tls_sslmode") ?? "prefer";
  const [cert, key, ca] = ["cert", "key", "ca"].map((name) =>
    settings.text(`server_tls_${name}_file`),
  );
  if (isSocket) return {};
  if (mode === "disable") return { tlsMode: mode };
  const verifies = mode.startsWith("verify-");
  return {
    tlsMode: mode === "allow" ? "prefer" : mode,
    ...given("caFile", ca === undefined || !verifies ? undefined : pathOf(ca)),
    ...given("certFile", cert === undefined ? undefined : pathOf(cert)),
    ...given("keyFile", key === undefined ? undefined : pathOf(key)),
  };
}

/** Settings that connections begin with, where all have one login. */
const SESSION_SETTINGS = ["client_encoding", "datestyle", "timezone", "application_name"];

/** The login that all clients share, if the entry names a user. */
function loginOf(
  { name, dbname, settings }: Database,
  { passwordOf }: DatabaseDefaults,
): ConfigPart | undefined {
  const user = settings.text("user");
  const given = settings.text("password");
  const session = SESSION_SETTINGS.flatMap((key) => {
    const value = settings.text(key);
    return value === undefined ? [] : [[key, literal(value)] as const];
  });
  if (user === undefined || dbname === undefined) {
    if (user !== undefined) {
      const message = "a login for any database is not possible: clients log in as themselves";
      settings.note("user", `${name}: ${message}; nearest: an entry for each database`);
    } else if (given !== undefined) {
      settings.note("password", `${name}: has no effect without user, and is left out`);
    }
    for (const [key] of session) {
      const message = "only connections with a login of their own begin with settings";
      settings.note(key, `${name}: ${message}; nearest: clients.default.<block>.startupParams`);
    }
    return undefined;
  }
  const password = given ?? passwordOf(user);
  if (password === undefined) {
    const message = `no password of ${user} is known in clear text; nearest: clients.default.<block>.startupParams.password`;
    settings.note("user", `${name}: ${message}`);
  }
  return {
    user: literal(user),
    ...(password !== undefined && { password: literal(password) }),
    database: literal(dbname),
    ...Object.fromEntries(session),
  };
}

/** A text that means itself in gatewayd.yaml, where `${NAME}` means a variable. */
export function literal(text: string): string {
  return text.replaceAll(/\$\{(?=[A-Za-z_][A-Za-z0-9_]*\})/g, () => "$${");
}

function poolOf({ name, settings: own }: Database, { settings }: DatabaseDefaults): ConfigPart {
  const size = sizeOf(name, own, settings);
  const minSize = own.number("min_pool_size") ?? settings.number("min_pool_size") ?? 0;
  const statements = settings.number("max_prepared_statements");
  if (statements === 0) {
    settings.note(
      "max_prepared_statements",
      "prepared statements are always followed; nearest: pools.default.<block>.preparedStatements",
    );
  }
  const lifetime = own.duration("server_lifetime") ?? settings.duration("server_lifetime") ?? "1h";
  if (lifetime === "0s") {
    const message = "connections are used for a second at least: 0 means for ever here";
    settings.note("server_lifetime", message);
  }
  return {
    mode: own.text("pool_mode") ?? settings.text("pool_mode") ?? "session",
    size,
    ...(minSize > 0 && { minSize: Math.min(minSize, size) }),
    queueTimeout: settings.duration("query_wait_timeout") ?? "120s",
    idleTimeout: settings.duration("server_idle_timeout") ?? "10m",
    maxLifetime: lifetime === "0s" ? "1s" : lifetime,
    ...given("resetQuery", resetQueryOf(settings)),
    ...(statements !== undefined && statements > 0 && { preparedStatements: statements }),
  };
}

/** PgBouncer's pools are a user's own; what it limits for a whole database is nearer to ours. */
function sizeOf(name: string, own: Settings, settings: Settings): number {
  const ofUser = own.number("pool_size") ?? settings.number("default_pool_size") ?? 20;
  const ofAll = own.number("max_db_connections") ?? settings.number("max_db_connections") ?? 0;
  if (ofAll > 0) return ofAll;
  const isOwn = own.number("pool_size") !== undefined;
  const [from, key] = isOwn ? [own, "pool_size"] : [settings, "default_pool_size"];
  const nearest = "nearest: pools.default.<block>.size";
  if (ofUser === 0) {
    from.note(key, `a pool without a limit has ${UNLIMITED_SIZE} connections here; ${nearest}`);
    return UNLIMITED_SIZE;
  }
  const isEachUsers = own.text("user") === undefined || name === "*";
  if (isEachUsers) from.note(key, `counts the connections of all users together here; ${nearest}`);
  return ofUser;
}

function resetQueryOf(settings: Settings): string | undefined {
  const query = settings.given("server_reset_query");
  if (query !== "") return query;
  const message = "what clients leave behind is always cleaned";
  settings.note("server_reset_query", `${message}; nearest: pools.default.<block>.resetQuery`);
  return undefined;
}
