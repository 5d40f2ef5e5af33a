/** The whole of it: pgbouncer.ini and userlist.txt in, gatewayd.yaml out. */
import { stringify } from "yaml";
import { readUsersFile } from "../auth/index.ts";
import type { Secret } from "../auth/index.ts";
import { importConsole } from "./import-console.ts";
import { importDatabases, literal } from "./import-databases.ts";
import { type ConfigPart, given, importServer } from "./import-server.ts";
import { type ImportNote, readIniFile } from "./ini-file.ts";
import { placeOf, Settings } from "./settings.ts";
import { UNMAPPED_SETTINGS } from "./unmapped-settings.ts";

/** How files are found. */
export interface ImportFiles {
  /** The text of a file. @throws Error if there is none */
  readonly read: (path: string) => string;
  /** Makes a path that a file names one that holds from everywhere. */
  readonly pathOf: (path: string) => string;
}

/** What came of it. */
export interface Imported {
  /** Text of gatewayd.yaml. */
  readonly yaml: string;
  /** What did not map, in the order of the files: why, and the nearest key. */
  readonly notes: readonly ImportNote[];
}

/** PgBouncer's own, where none is given. */
const AUTH_QUERY =
  "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END FROM pg_authid WHERE rolname=$1 AND rolcanlogin";

const SECTIONS: ReadonlyMap<string, string> = new Map([
  [
    "users",
    "settings of single users are not carried over; nearest: a route of its own (servers.default.routes), or maxConnections in a users file",
  ],
  [
    "peers",
    "gateways that share a port hand cancel requests on by themselves; nearest: servers.default.reusePort",
  ],
]);

/** Reads `path`, what it includes, and the users file that it names. @throws what `files.read` throws for `path` */
export function importPgbouncer(path: string, files: ImportFiles): Imported {
  const ini = readIniFile(path, (name) => files.read(files.pathOf(name)));
  const notes = [...ini.notes];
  const inSection = (name: string) => ini.entries.filter(({ section }) => section === name);
  const settings = new Settings(inSection("pgbouncer"), notes);
  const secretOf = secretsOf(settings, files);
  const passwordOf = (user: string): string | undefined => {
    const secret = secretOf(user);
    return secret?.kind === "plain" ? secret.password.reveal() : undefined;
  };
  const { pathOf } = files;
  const databases = importDatabases(inSection("databases"), { settings, pathOf, passwordOf });
  const query = queryOf(settings, databases, passwordOf);
  const server = importServer(settings, pathOf, query);
  for (const entry of ini.entries) {
    const { section, key } = entry;
    if (section === "pgbouncer" || section === "databases") continue;
    const reason = SECTIONS.get(section) ?? "is in a section that PgBouncer does not know";
    notes.push({ ...placeOf(entry), message: `${key}: ${reason}` });
  }
  if (databases.first === undefined) {
    notes.push({ file: path, line: 1, message: "there is no database: nobody can be served" });
  }
  const logger = loggerOf(settings, pathOf);
  const admin = importConsole(settings, secretOf);
  settings.noteUnused(UNMAPPED_SETTINGS);
  const config = {
    loggers: { default: logger },
    clients: { default: databases.clients },
    pools: { default: databases.pools },
    servers: {
      default: {
        ...server,
        ...(databases.routes.length > 0 && { routes: databases.routes }),
      },
    },
    ...given("admin", admin),
  };
  const heading = `# From ${path}, by "gatewayd config import".\n`;
  return { yaml: heading + stringify(config, { lineWidth: 0 }), notes: inOrder(notes) };
}

/** Without a file or syslog the log goes to standard error, as PgBouncer's does. */
function loggerOf(settings: Settings, pathOf: ImportFiles["pathOf"]): ConfigPart {
  const logfile = settings.text("logfile");
  const isSyslog = settings.isOn("syslog") ?? false;
  const output = [...(logfile === undefined ? [] : ["file"]), ...(isSyslog ? ["syslog"] : [])];
  return {
    level: (settings.number("verbose") ?? 0) > 0 ? "debug" : "info",
    ...(output.length > 0 && { output }),
    ...(logfile !== undefined && { fileName: pathOf(logfile) }),
  };
}

/** By line within a file, each once: several blocks may have the same to say. */
function inOrder(notes: readonly ImportNote[]): readonly ImportNote[] {
  const files = [...new Set(notes.map(({ file }) => file))];
  const different = new Map(
    notes.map((note) => [`${note.file}:${note.line}:${note.message}`, note]),
  );
  return [...different.values()].sort(
    (a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line,
  );
}

function secretsOf(
  settings: Settings,
  { read, pathOf }: ImportFiles,
): (user: string) => Secret | undefined {
  const path = settings.text("auth_file");
  if (path === undefined) return () => undefined;
  try {
    const { users } = readUsersFile(read(pathOf(path)), path);
    return (name) => users.find((user) => user.name === name)?.secret;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    settings.note(
      "auth_file",
      `cannot be used yet, which keeps the gateway from starting: ${reason}`,
    );
    return () => undefined;
  }
}

/** `auth.query`, where PgBouncer asks a database for users. */
function queryOf(
  settings: Settings,
  { first }: ReturnType<typeof importDatabases>,
  passwordOf: (user: string) => string | undefined,
): ConfigPart | undefined {
  const user = settings.text("auth_user");
  const sql = settings.text("auth_query") ?? AUTH_QUERY;
  const named = settings.text("auth_dbname");
  if (user === undefined) {
    const message = "has no effect without auth_user, and is left out";
    settings.note("auth_query", `${message}; nearest: servers.default.auth.query`);
    return undefined;
  }
  if (first === undefined) return undefined;
  const database = named ?? first.database;
  if (database === undefined) {
    const message = "is left out: the database that is asked must be known";
    settings.note("auth_user", `${message}; nearest: servers.default.auth.query.database`);
    return undefined;
  }
  if (named === undefined) {
    settings.note("auth_user", `only ${database} is asked for users, not each database`);
  }
  settings.note(
    "auth_query",
    "names in it must have their schema: it runs with search_path = pg_catalog",
  );
  const password = passwordOf(user);
  return {
    sql: literal(sql),
    user: literal(user),
    ...given("password", password === undefined ? undefined : literal(password)),
    database: literal(database),
    block: first.block,
  };
}
